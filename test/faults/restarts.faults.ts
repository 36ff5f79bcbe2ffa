import { setTimeout as delay } from 'node:timers/promises';
import type { Endpoint } from '../../src/services/address.ts';
import { fill, type Store, storeKinds, storeOf, zookeeperStoreOf } from '../commands/stores.ts';
import { startEtcd } from '../servers/etcd.ts';
import { type Server, temporaryDirectory } from '../servers/process.ts';
import { startProxy } from '../servers/proxy.ts';
import { startEnsemble } from '../servers/zookeeper-ensemble.ts';
import { prepareTarget, requireAllOrNothing, requireOnlyCreated, runLimited } from './judgement.ts';
import { caseDirectory, gitIn, needServers, randomTree, relocated } from './live.ts';
import { type Subject, subject } from './subject.ts';

/** One thing that befalls a service while a run is in the middle of something, until it is well again. */
interface Trouble {
  readonly name: string;
  /** Answers once the service serves again. `isOver` is fulfilled when the run has ended. */
  befall(isOver: Promise<unknown>): Promise<void>;
}

for (const { kind, start, key } of storeKinds) {
  subject(`a server that stops or starts again in the middle: ${kind}`, async (subject) => {
    needServers(subject);
    await using store = await start();
    const { random } = subject;
    const troubles = (): Trouble[] => [
      {
        name: 'killed and started again',
        async befall() {
          await store.server.kill();
          await store.restart();
        },
      },
      {
        name: 'killed for good',
        async befall(isOver) {
          await store.server.kill();
          await isOver;
          await store.restart();
        },
      },
      {
        name: 'stopped for a moment',
        async befall() {
          await store.server.pause();
          await delay(random.below(3_000));
          store.server.resume();
        },
      },
    ];
    await runThrough(
      subject,
      store,
      key,
      () => store.endpoint,
      (endpoint) => store.url(endpoint),
      troubles,
    );
  });
}

subject('an etcd of three that loses its leader in the middle', async (subject) => {
  needServers(subject);
  const etcd = await startEtcd({ nodes: 3 });
  await using store = storeOf(etcd);
  await loseLeaders(subject, store, {
    kind: 'etcd',
    ...etcd,
    async leader() {
      const status: { Status: { header: { member_id: number }; leader: number } }[] = JSON.parse(
        await etcd.ctl('endpoint', 'status', '-w', 'json'),
      );
      return status.findIndex(({ Status }) => Status.leader === Status.header.member_id);
    },
  });
});

subject('a ZooKeeper of three that loses its leader in the middle', async (subject) => {
  needServers(subject);
  await using ensemble = await startEnsemble();
  const { endpoints, servers } = ensemble;
  const [endpoint = { host: '', port: 0 }] = endpoints;
  await using store = zookeeperStoreOf({
    endpoint,
    address: { endpoints, root: new Uint8Array(), timeout: 20_000 },
    get server() {
      return servers[0] as Server;
    },
    restart: () => ensemble.restart(0),
    async [Symbol.asyncDispose]() {},
  });
  await loseLeaders(subject, store, { kind: 'zookeeper', ...ensemble });
});

/** Several servers that are one service. */
interface Members {
  readonly kind: string;
  readonly endpoints: readonly Endpoint[];
  readonly servers: readonly Server[];
  leader(): Promise<number>;
  restart(index: number): Promise<void>;
}

async function loseLeaders(subject: Subject, store: Store, members: Members): Promise<void> {
  const { kind, endpoints, servers } = members;
  let leader = 0;
  const findLeader = async () => {
    leader = await members.leader();
    return endpoints[leader] ?? store.endpoint;
  };
  const others = () => endpoints.filter((_, index) => index !== leader).map(({ host, port }) => `${host}:${port}`);
  const troubles = (): Trouble[] => [
    {
      name: 'the leader killed and started again',
      async befall() {
        await servers[leader]?.kill();
        await members.restart(leader);
      },
    },
    {
      name: 'the leader killed for good',
      async befall(isOver) {
        await servers[leader]?.kill();
        await isOver;
        await members.restart(leader);
      },
    },
    {
      name: 'the leader stopped for long',
      async befall(isOver) {
        await servers[leader]?.pause();
        await isOver;
        servers[leader]?.resume();
      },
    },
  ];
  const url = ({ host, port }: Endpoint) => [`${kind}://${host}:${port}`, ...others()].join(',');
  await runThrough(subject, store, (name) => `/${name}`, findLeader, url, troubles);
}

/** Backups and restores through a relay to one server, each with a trouble at a random byte of the answers. */
async function runThrough(
  subject: Subject,
  store: Store,
  key: (name: string) => string,
  target: () => Endpoint | Promise<Endpoint>,
  url: (endpoint: Endpoint) => string,
  troubles: () => readonly Trouble[],
): Promise<void> {
  await using directory = await temporaryDirectory();
  const options = ['--timeout', '3', '--json'];
  const tree = randomTree(subject.random, key('t'), 600);
  const backup = (path: string, from: string) =>
    runLimited(path, ['backup', from, '--include', `${key('t')}/**`, '--store', 's', ...options], store.env);
  const restore = (name: string, to: string) =>
    runLimited(directory.path, ['restore', 'latest', to, '--map', `${key('t')}=${key(name)}`, ...options], store.env);

  await fill(store, tree.slice(0, -20));
  const first = await backup(directory.path, url(await target()));
  if (first.status !== 0) throw new Error(first.stderr);
  const before = gitIn(directory.path, 'rev-parse', 'main');
  await fill(store, tree.slice(-20));
  const quiet = caseDirectory(directory.path, 'quiet');
  const answered = { backup: 0, restore: 0 };
  await through(Number.POSITIVE_INFINITY, undefined, 'backup', (endpoint) => backup(quiet, url(endpoint)));
  const whole = gitIn(quiet, 'rev-parse', 'main:s');

  const rounds = subject.scale(3, 120);
  for (let round = 0; round < rounds; round++) {
    const trouble = troubles()[round % troubles().length];
    const at = subject.random.below(answered.backup);
    const path = caseDirectory(directory.path, String(round));
    const run = await through(at, trouble, 'backup', (endpoint) => backup(path, url(endpoint)));
    requireAllOrNothing(subject, run, path, { before, whole }, `backup, ${trouble?.name} at byte ${at}`);
  }

  const last = await backup(directory.path, url(await target()));
  subject.must(last.status === 0, `the last backup: ${last.status} ${last.stderr}`);
  subject.must(gitIn(directory.path, 'rev-parse', 'main:s') === whole, 'the last backup has another tree');
  await through(Number.POSITIVE_INFINITY, undefined, 'restore', (endpoint) => restore('quiet', url(endpoint)));
  for (let round = 0; round < rounds; round++) {
    const trouble = troubles()[round % troubles().length];
    const at = subject.random.below(answered.restore);
    const name = `r${round}`;
    // The whole tree has to be in the snapshot, as it is looked for in the end.
    const own = relocated(tree, key('t'), key(name));
    const again = async () => restore(name, url(await target()));
    const goal = await prepareTarget(store, key(name), own, again);
    const run = await through(at, trouble, 'restore', (endpoint) => restore(name, url(endpoint)));
    await requireOnlyCreated(subject, run, goal, `restore, ${trouble?.name} at byte ${at}`);
  }

  async function through<Result>(
    at: number,
    trouble: Trouble | undefined,
    verb: 'backup' | 'restore',
    use: (endpoint: Endpoint) => Promise<Result>,
  ): Promise<Result> {
    let over: () => void = () => {};
    const isOver = new Promise<void>((resolve) => {
      over = resolve;
    });
    let recovered: Promise<void> | undefined;
    await using proxy = await startProxy(await target(), at, () => {
      recovered = trouble?.befall(isOver);
    });
    const result = await use(proxy.endpoint);
    over();
    await recovered;
    if (!trouble) answered[verb] = proxy.answered;
    return result;
  }
}
