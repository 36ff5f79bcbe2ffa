import { Command, Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import { formatOverview, formatVerb, type Manual } from '../report/manual.ts';
import { openPrinter } from '../report/printer.ts';
import { version } from '../version.ts';
import type { Context } from './base.ts';
import { describeVerb, sharedFlags } from './describe.ts';
import { pageOutput } from './page-output.ts';

/** Lines are never longer than this, however wide the terminal is: nobody reads them. */
const widest = 100;

export class HelpCommand extends Command<Context> {
  static override paths = [['help']];

  static override usage = Command.Usage({
    category: 'This program',
    description: 'tell about all verbs, or about one',
    details: '`treekeeper VERB --help` is the same.',
    examples: [['All about restoring', '$0 help restore']],
  });

  words = Option.Rest({ name: 'VERB' });
  /** For the build of the package. */
  man = Option.Boolean('--man', false, { hidden: true });

  override async execute(): Promise<number> {
    const { stdout } = this.context;
    const columns = 'columns' in stdout ? Number(stdout.columns) : 80;
    const width = Math.min(columns > 0 ? columns : 80, widest);
    try {
      const text = await this.text(width);
      const paged = pageOutput(this.context, true);
      paged.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
      await paged.finish();
      return 0;
    } catch (thrown) {
      if (!(thrown instanceof TreekeeperError)) throw thrown;
      openPrinter(this.context, { json: false, quiet: false }).fail(thrown);
      return 2;
    }
  }

  private async text(width: number): Promise<string> {
    if (this.man) {
      const { manPage } = await import('../report/man-page.ts');
      return manPage(await this.manual());
    }
    if (this.words.length === 0) return formatOverview(await this.manual(), width);

    const classes = await this.context.loadVerbs(this.words[0]);
    const verbs = classes
      .flatMap((verb) => describeVerb(verb) ?? [])
      .filter(({ path }) => path.every((word, index) => (this.words[index] ?? word) === word));
    if (verbs.length > 0) return verbs.map((verb) => formatVerb(verb, width)).join('\n\n\n');
    throw new TreekeeperError('usage', `there is no verb ${this.words.join(' ')}`, {
      hint: '`treekeeper help` lists them',
    });
  }

  private async manual(): Promise<Manual> {
    const verbs = (await this.context.loadVerbs()).flatMap((verb) => describeVerb(verb) ?? []);
    return { version, verbs, flags: sharedFlags() };
  }
}
