/** A flag, as help tells of it. */
export interface Flag {
  /** `['-n', '--dry-run']`. */
  readonly names: readonly string[];
  /** What stands for its value: `FILE`; `undefined` where it takes none. */
  readonly value: string | undefined;
  /** The value can be left out, and stands only behind `=`. */
  readonly bound: boolean;
  readonly description: string;
}

export interface Positional {
  readonly name: string;
  readonly required: boolean;
  readonly repeated: boolean;
}

/** All that is to be said of one verb: the one source of help, the man page and completion. */
export interface Verb {
  /** `['remote', 'add']`. */
  readonly path: readonly string[];
  readonly category: string;
  readonly summary: string;
  readonly paragraphs: readonly string[];
  /** What the verb exits with, and when. */
  readonly exits: readonly (readonly [status: string, meaning: string])[];
  /** A label and a command line. */
  readonly examples: readonly (readonly [string, string])[];
  readonly positionals: readonly Positional[];
  /** Those of the verb itself. */
  readonly flags: readonly Flag[];
}

/** The whole program: every verb in order, and the flags that all of them have. */
export interface Manual {
  readonly version: string;
  readonly verbs: readonly Verb[];
  readonly flags: readonly Flag[];
}

export const tagline =
  'snapshots of configuration stores (ZooKeeper, etcd, Consul, directories) in Git, and restores that create only what is missing';

/** What each exit status means, for all verbs. README has the same table. */
export const exitMeanings: readonly (readonly [string, string])[] = [
  ['0', 'done; that nothing had to be done is done too'],
  ['1', 'failed; repository and service are as before, or as reported'],
  ['2', 'wrong usage or configuration'],
  ['3', 'incomplete: some nodes could not be read, or some could not be created or differ'],
  ['4', 'differences (verify, diff --exit-code, status --live), or values in clear that the rules encrypt (check)'],
  ['5', 'integrity: damaged objects, names or manifests'],
  ['6', 'the snapshot is safe here, and a push failed'],
  ['10', 'there is no repository'],
  ['11', 'another run holds the repository'],
  ['12', 'no key at hand opens an encrypted value'],
  ['13', 'a recipient cannot be encrypted to: missing, expired, revoked, too weak'],
  ['14', 'not signed by whom it must be'],
  ['15', 'the service cannot be reached, or refuses the credentials'],
  ['16', 'a guard refused a backup'],
  ['130, 143', 'interrupted, terminated'],
];

/** The list of all verbs, in the order in which they come, with the flags that each of them has. */
export function formatOverview({ version, verbs, flags }: Manual, width: number): string {
  const sections = [...groupVerbs(verbs)].map(([category, members]) =>
    section(
      category,
      table(
        members.map((verb) => [synopsis(verb, false), verb.summary]),
        width,
      ),
    ),
  );
  return [
    fold(`treekeeper ${version}: ${tagline}`, width),
    'usage: treekeeper VERB [flags] [arguments]',
    ...sections,
    section('Flags of every verb', table(flags.map(flagRow), width)),
    fold(
      '`treekeeper help VERB` tells more about a verb, with examples; `man treekeeper` has all of it; ' +
        '`treekeeper completion` makes the shell complete verbs, snapshots and keys.',
      width,
    ),
  ].join('\n\n');
}

/** Everything about one verb. */
export function formatVerb(verb: Verb, width: number): string {
  const { path, summary, paragraphs, exits, examples, flags } = verb;
  const rows = examples.map(([label, line]) => `  ${label}\n    ${line}`);
  return [
    fold(`treekeeper ${path.join(' ')}: ${summary}`, width),
    `usage: ${synopsis(verb, true)}`,
    ...paragraphs.map((text) => fold(text, width)),
    ...(flags.length > 0 ? [section('Flags', table(flags.map(flagRow), width))] : []),
    ...(rows.length > 0 ? [section('Examples', rows.join('\n'))] : []),
    ...(exits.length > 0 ? [section('Exit status', table(exits, width))] : []),
    fold('The flags that every verb has (--repo, --json, --quiet, …) are listed by `treekeeper --help`.', width),
  ].join('\n\n');
}

/** How a verb is called. In full with the name of the program and `[flags]`. */
export function synopsis({ path, positionals, flags }: Verb, full: boolean): string {
  const words = positionals.map(({ name, required, repeated }) => {
    const word = repeated ? `${name}...` : name;
    return required ? word : `[${word}]`;
  });
  return [...(full ? ['treekeeper'] : []), ...path, ...(full && flags.length > 0 ? ['[flags]'] : []), ...words].join(
    ' ',
  );
}

/** `-n, --dry-run`, with the name of the value where there is one. */
export function flagWords({ names, value, bound }: Flag): string {
  const argument = value === undefined ? '' : bound ? `[=${value}]` : ` ${value}`;
  return `${names.join(', ')}${argument}`;
}

function flagRow(flag: Flag): [string, string] {
  // The long names stand below one another, whether or not there is a short one.
  return [`${flag.names[0]?.startsWith('--') ? '    ' : ''}${flagWords(flag)}`, flag.description];
}

/** The verbs by category, the categories in the order in which they first come. */
export function groupVerbs(verbs: readonly Verb[]): Map<string, Verb[]> {
  const groups = new Map<string, Verb[]>();
  for (const verb of verbs) groups.set(verb.category, [...(groups.get(verb.category) ?? []), verb]);
  return groups;
}

function section(title: string, body: string): string {
  return `${title}\n${body}`;
}

/** Two columns; where the left one leaves no room, the right one goes below it. */
function table(rows: readonly (readonly [string, string])[], width: number): string {
  const left = Math.min(Math.max(...rows.map(([name]) => name.length)), 34);
  const room = width - left - 4;
  return rows
    .map(([name, text]) => {
      if (room < 24) return `  ${name}\n${fold(text, width, '      ')}`;
      const [first = '', ...rest] = fold(text, room).split('\n');
      const indent = ' '.repeat(left + 4);
      const head = name.length > left ? `  ${name}\n${indent}${first}` : `  ${name.padEnd(left)}  ${first}`;
      return [head, ...rest.map((line) => indent + line)].join('\n');
    })
    .join('\n');
}

/** Text in lines of at most `width` characters, where its words let it. */
function fold(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(' ')) {
    if (line.length > indent.length && line.length + word.length + 1 > width) {
      lines.push(line);
      line = indent;
    }
    line += line.length > indent.length ? ` ${word}` : word;
  }
  return [...lines, line].join('\n');
}
