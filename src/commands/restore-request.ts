import { Option } from 'clipanion';
import { TreekeeperError } from '../errors.ts';
import type { RestoreRequest } from '../operations/plan-restore.ts';
import { formatKey, parseKey } from '../report/key.ts';
import type { PlanOrigin } from '../snapshot/plan-file.ts';
import { depthFor, parseSnapshotArgument } from './arguments.ts';
import { BaseCommand, type Session } from './base.ts';

/** A snapshot and a service, both open. Disposing of it closes them. */
export interface OpenRequest extends AsyncDisposable {
  readonly request: RestoreRequest;
  /** From where to where, as a plan keeps it. */
  readonly origin: PlanOrigin;
}

/** A verb that holds nodes of a snapshot against a service. */
export abstract class RequestCommand extends BaseCommand {
  snapshot = Option.String({ name: 'SNAPSHOT[:KEY]' });
  service = Option.String({ name: 'SERVICE' });
  store = Option.String('--store', { description: 'The store, where the repository has several' });
  key = Option.String('--key', { description: 'Only the nodes at and below this key, as SNAPSHOT:KEY says too' });
  moves = Option.Array('--map', { description: 'FROM=TO: the nodes at and below FROM belong at TO; may be repeated' });
  persist = Option.Boolean('--persist-ephemeral', false, {
    description: 'Nodes that belonged to running clients too, as ordinary ones',
  });
  full = Option.Boolean('--full', false, { description: 'Tell every node, however many' });

  protected async open({ repositoryPath, surroundings }: Session): Promise<OpenRequest> {
    const [
      { connect },
      { locate },
      { openForReading },
      { movesAny, parseMove },
      { requireTrusted },
      { requireNodes, keysHint },
    ] = await Promise.all([
      import('../operations/connect.ts'),
      import('../operations/revision.ts'),
      import('../operations/open.ts'),
      import('../operations/relocate.ts'),
      import('../operations/trust.ts'),
      import('./require-nodes.ts'),
    ]);
    const { revision, key } = parseSnapshotArgument(this.snapshot);
    if (key && this.key !== undefined) throw new TreekeeperError('usage', 'SNAPSHOT:KEY and --key both name a key');
    const below = this.key === undefined ? key : parseKey(this.key);
    const moves = (this.moves ?? []).map((text) => parseMove(text, parseKey));

    const closing: AsyncDisposable[] = [];
    const close = async () => {
      for (const one of closing.reverse()) await one[Symbol.asyncDispose]();
    };
    try {
      const opened = await openForReading(repositoryPath, surroundings, depthFor(revision));
      closing.push(opened);
      const { snapshot, moment } = await locate(opened.reader, opened.repository, revision, this.store);
      await requireTrusted(opened.reader, moment.oid, surroundings.trust);
      if (below) await requireNodes(snapshot, below, revision);
      for (const move of moves) {
        if (await movesAny(snapshot, move, below)) continue;
        // Its nodes would be created where they were, and not where they were meant to go.
        const words = `--map ${formatKey(move.from)}=${formatKey(move.to)}`;
        throw new TreekeeperError('usage', `${words} moves nothing: no node is at or below ${formatKey(move.from)}`, {
          hint: `nothing was created; ${keysHint(snapshot, revision)}`,
        });
      }
      const { service } = await connect(this.service, surroundings);
      closing.push(service);
      const { source, cluster } = await service.identity();
      const { decryptor } = surroundings;
      const persistEphemeral = this.persist;
      return {
        request: { snapshot, service, below, moves, persistEphemeral, ...(decryptor && { decryptor }) },
        origin: {
          store: snapshot.store,
          snapshot: moment.oid,
          tree: snapshot.tree,
          service: surroundings.config?.stores[this.service] ? this.service : source,
          ...{ source, cluster, below, moves, persistEphemeral },
        },
        [Symbol.asyncDispose]: close,
      };
    } catch (thrown) {
      await close();
      throw thrown;
    }
  }
}
