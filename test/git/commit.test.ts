import { afterEach, describe, expect, test, vi } from 'vitest';
import { commitTime, committerIdentity, decodeCommit, encodeCommit } from '../../src/git/commit.ts';
import { emptyRepository, git } from './temporary.ts';

const oid = (digit: string) => digit.repeat(40);
const author = { name: 'Zoë', email: 'zoe@example.org' };

afterEach(() => vi.unstubAllEnvs());

describe('a commit', () => {
  test('is decoded to what it was made of', () => {
    const commit = {
      tree: oid('1'),
      parents: [oid('2'), oid('3')],
      author,
      time: 1_700_000_000,
      message: 'subject\n\nStore: a\n',
    };
    expect(decodeCommit(encodeCommit(commit))).toEqual({
      tree: commit.tree,
      parents: commit.parents,
      author: expect.objectContaining(author),
      committer: { ...author, time: commit.time },
      message: commit.message,
    });
  });

  test('has the bytes that git gives it', async () => {
    const { gitDir } = await emptyRepository();
    const content = encodeCommit({ tree: oid('1'), parents: [oid('2')], author, time: 1_700_000_000, message: 'x\n' });
    expect(git(gitDir, ['hash-object', '-t', 'commit', '--stdin'], content)).toMatch(/^[0-9a-f]{40}$/);
  });

  test('of somebody else is read too: signed, in another zone, without a message', () => {
    const signature = 'gpgsig -----BEGIN PGP SIGNATURE-----\n tree 0000\n parent 1111\n -----END PGP SIGNATURE-----';
    const text = `tree ${oid('1')}\nauthor A <a@x> 1 -0130\ncommitter  <> 2 +0900\n${signature}\n\n`;
    expect(decodeCommit(Buffer.from(text))).toMatchObject({
      tree: oid('1'),
      parents: [],
      committer: { name: '', email: '', time: 2 },
      message: '',
    });
  });

  test('that is damaged is said to be', () => {
    const beyond = `tree ${oid('1')}\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 8640000000001 +0000\n\n`;
    for (const text of ['', 'tree 12\n\nx', `tree ${oid('1')}\n\nauthor A <a@x> 1 +0000\n`, beyond]) {
      expect(() => decodeCommit(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'integrity' }));
    }
  });

  test('is never older than its parent', () => {
    expect(commitTime(undefined, 5_999)).toBe(5);
    expect(commitTime(3, 5_000)).toBe(5);
    expect(commitTime(5, 5_000)).toBe(6);
    expect(commitTime(1_000, 5_000)).toBe(1_001);
  });
});

describe('whom commits are by', () => {
  test('is told by the environment, the configuration or nobody', async () => {
    const repository = await emptyRepository();
    vi.stubEnv('GIT_CONFIG_GLOBAL', '/dev/null');
    vi.stubEnv('GIT_CONFIG_NOSYSTEM', '1');
    vi.stubEnv('GIT_COMMITTER_NAME', undefined);
    vi.stubEnv('GIT_COMMITTER_EMAIL', undefined);
    expect(await committerIdentity(repository)).toEqual({ name: 'treekeeper', email: 'treekeeper@localhost' });

    git(repository.gitDir, ['config', 'user.name', 'Ops <x>']);
    expect(await committerIdentity(repository)).toEqual({ name: 'Ops x', email: 'treekeeper@localhost' });

    git(repository.gitDir, ['config', '--add', 'user.name', 'Ops\n  (night)']);
    git(repository.gitDir, ['config', 'user.email', 'ops@example.org']);
    expect(await committerIdentity(repository)).toEqual({ name: 'Ops  (night)', email: 'ops@example.org' });

    vi.stubEnv('GIT_COMMITTER_NAME', 'Zoë');
    vi.stubEnv('GIT_COMMITTER_EMAIL', 'zoe@example.org');
    expect(await committerIdentity(repository)).toEqual(author);
  });
});
