import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import { completionScripts } from '../report/completion-scripts.ts';
import { BaseCommand, type Session } from './base.ts';

export class CompletionCommand extends BaseCommand {
  static override paths = [['completion']];

  static override usage = Command.Usage({
    category: 'This program',
    description: 'print the script that makes a shell complete verbs, flags, snapshots and keys',
    details: `
      What it offers comes from the repository and the configuration at hand; no service and no remote is asked.

      Exit status: 0 done; 2 the shell is another one.
    `,
    examples: [
      ['In bash, from ~/.bashrc', 'source <($0 completion bash)'],
      ['In zsh, from ~/.zshrc after compinit', 'source <($0 completion zsh)'],
      ['In fish', '$0 completion fish >~/.config/fish/completions/treekeeper.fish'],
    ],
  });

  shell = Option.String({ name: 'bash|zsh|fish' });

  protected override async run({ printer }: Session): Promise<undefined> {
    const script = Object.hasOwn(completionScripts, this.shell) ? completionScripts[this.shell] : undefined;
    if (script === undefined) {
      throw new TreekeeperError('usage', `there is no completion for ${this.shell}`, {
        hint: `there is one for ${Object.keys(completionScripts).join(', ')}`,
      });
    }
    printer.raw(Buffer.from(script));
    return undefined;
  }
}
