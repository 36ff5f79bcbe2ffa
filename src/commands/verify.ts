import { Command } from 'clipanion';
import { countRate } from '../report/rate.ts';
import type { Session } from './base.ts';
import { RequestCommand } from './restore-request.ts';

export class VerifyCommand extends RequestCommand {
  static override paths = [['verify']];

  static override usage = Command.Usage({
    category: 'Snapshots',
    description: 'tell whether a service has every node of a snapshot, and equal',
    details: `
      Holds the service against the snapshot node by node, values and attributes; encrypted values are opened for that. Tells
      each node that is missing or differs, and changes nothing. What the service has beside the snapshot is not looked at:
      \`treekeeper diff SNAPSHOT SERVICE\` tells that. Nodes that belonged to running clients are skipped.

      The last line of --json is the verdict: \`equal\`, \`different\`, or \`unknown\` where nothing was found to differ and some
      nodes could not be read.

      Exit status: 0 equal; 2 there is no such snapshot or key; 3 unknown; 4 some nodes are missing or differ; 5 the snapshot is damaged; 12 no key opens its
      encrypted values; 14 nobody who is trusted signed it; 15 the service cannot be reached.
    `,
    examples: [
      ['Is everything there?', '$0 verify latest etcd://127.0.0.1:2379'],
      [
        'One subtree that was restored elsewhere',
        '$0 verify latest:/app etcd://127.0.0.1:2379 --map /app=/app-restored',
      ],
    ],
  });

  protected override async run(session: Session): Promise<number | undefined> {
    const [{ verify }, { printVerification }] = await Promise.all([
      import('../operations/verify.ts'),
      import('./verify-report.ts'),
    ]);
    const { printer, signal } = session;
    await using opened = await this.open(session);
    const { request, origin } = opened;
    printer.note(`${origin.store} at ${origin.snapshot.slice(0, 10)} against ${origin.source}`);
    const onProgress = countRate(`reading ${origin.source}`, printer.progress);
    const verification = await verify(request, { signal, onProgress });
    printVerification(verification, printer, { full: this.full });
    return { equal: undefined, unknown: 3, different: 4 }[verification.verdict];
  }
}
