import { exitMeanings, type Flag, flagWords, groupVerbs, type Manual, synopsis, tagline, type Verb } from './manual.ts';

/** The manual as a man page, in the macros of man(7), for `man` and mandoc. Nothing in it depends on the day. */
export function manPage({ version, verbs, flags }: Manual): string {
  return [
    `.TH TREEKEEPER 1 "" "treekeeper ${version}" "User Commands"`,
    '.SH NAME',
    `treekeeper \\- ${text(tagline)}`,
    '.SH SYNOPSIS',
    '.B treekeeper',
    '.I VERB',
    text('[flags] [arguments]'),
    '.SH VERBS',
    ...[...groupVerbs(verbs)].flatMap(([category, members]) => [`.SS ${text(category)}`, ...members.flatMap(verbPart)]),
    '.SH FLAGS OF EVERY VERB',
    ...flags.flatMap(flagPart),
    '.SH EXIT STATUS',
    ...exitMeanings.flatMap(([status, meaning]) => ['.TP', text(status), text(meaning)]),
    '.SH ENVIRONMENT',
    ...environment.flatMap(([name, meaning]) => ['.TP', `.B ${text(name)}`, text(meaning)]),
    '.SH FILES',
    '.TP',
    '.I treekeeper.yaml',
    text('The configuration, in the working directory or above it.'),
    '.TP',
    '.I snapshots.git',
    text('The repository, where nothing else is said.'),
    '.SH SEE ALSO',
    '.BR git (1),',
    '.BR gpg (1)',
    '',
  ].join('\n');
}

const environment: readonly (readonly [string, string])[] = [
  ['TREEKEEPER_REPO', 'The repository, where --repo does not name one.'],
  ['TREEKEEPER_KEY_FILE, TREEKEEPER_KEY_PASSPHRASE', 'The secret key for encrypted values, and its passphrase.'],
  ['TREEKEEPER_GIT_TOKEN', 'The token or password for remotes over HTTPS.'],
  ['TREEKEEPER_NO_GIT', 'Set: read without a git binary, even where there is one.'],
  ['ETCDCTL_USER, ETCDCTL_PASSWORD, ETCDCTL_CACERT, ETCDCTL_CERT, ETCDCTL_KEY', 'Credentials for etcd.'],
  ['ZOOKEEPER_AUTH, ZOOKEEPER_CACERT, ZOOKEEPER_CERT, ZOOKEEPER_KEY', 'Credentials for ZooKeeper.'],
  ['CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE, CONSUL_CACERT, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY', 'For Consul.'],
  ['GIT_PAGER, PAGER', 'What shows long output on a terminal, where less shall not.'],
  ['NO_COLOR', 'Set: no colour.'],
];

function verbPart(verb: Verb): string[] {
  const { summary, paragraphs, flags, examples, exits } = verb;
  return [
    '.TP',
    `.B ${text(synopsis(verb, true))}`,
    text(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`),
    ...paragraphs.flatMap((paragraph) => ['.IP', text(paragraph)]),
    ...(flags.length > 0 ? ['.RS', ...flags.flatMap(flagPart), '.RE'] : []),
    ...examples.flatMap(([label, line]) => ['.IP', text(label), '.IP', '.nf', `.B ${text(`  ${line}`)}`, '.fi']),
    ...(exits.length > 0 ? ['.IP', text(`Exit status: ${exits.map((pair) => pair.join(' ')).join('; ')}.`)] : []),
  ];
}

function flagPart(flag: Flag): string[] {
  return ['.TP', `.B ${text(flagWords(flag))}`, text(flag.description)];
}

/** Characters that mean something to roff, or that it would print as another. */
function text(words: string): string {
  const escaped = words
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/'/g, '\\(aq')
    .replace(/`/g, '\\(ga')
    .replace(/\^/g, '\\(ha')
    .replace(/~/g, '\\(ti')
    .replace(
      /[^\0-\x7f]/gu,
      (character) => `\\[u${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`,
    );
  return escaped.startsWith('.') ? `\\&${escaped}` : escaped;
}
