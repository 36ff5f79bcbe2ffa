/** Keys that have broken tools before, each with what went wrong there. */
export const hostileKeys: readonly (readonly [why: string, key: string])[] = [
  ['a colon, and what one tool wrote in its place', 'a:b'],
  ['the text of that escape', 'xBURRY_ESC_COLONy'],
  ['a name that a tool kept its values under', 'node/content'],
  ['a name that a tool kept its manifest under', '.burrymeta'],
  ['a way out of the directory', '../../escape-me'],
  ['a dot segment', './x'],
  ['two slashes', 'dbl//slash'],
  ['a slash at the end', 'folder/'],
  ['a slash at the beginning', '/lead'],
  ['a long name', `long/${'n'.repeat(300)}`],
  ['a newline', 'new\nline'],
  ['percent signs', 'pct/%2F%%'],
  ['spaces', ' a b '],
  ['not ASCII', '\xc3\xa4\xe6\x97\xa5'],
  ['an emoji', '\xf0\x9f\x8c\xb3'],
  ['not UTF-8', 'bad\xff\xfe'],
  ['a NUL', 'nul\0byte'],
  ['one byte 0xFF', '\xff'],
  ['what Git keeps for itself', '.git/config'],
  ['a device of Windows', 'con/aux.txt'],
  ['a backslash', 'back\\slash'],
  ['a name of the snapshot format', '%value/%attrs.json'],
];

/** What has become one, or none, in other tools: keys with their values, in the order in which they are created. */
export const hostileTrees: readonly (readonly [what: string, tree: { readonly [key: string]: string }])[] = [
  ['a key and what one tool wrote in its place', { 'a:b': '1', aBURRY_ESC_COLONb: '2', 'a%3Ab': '3' }],
  [
    'keys that are one path once it is cleaned',
    { x: '1', './x': '2', 'x/': '3', 'x//': '4', 'x/.': '5', 'y/../x': '6' },
  ],
  ['nodes named like the file of a value', { n: '1', 'n/content': '2', 'n/content/content': '3', 'n/%value': '4' }],
  ['nodes named like a manifest', { '.burrymeta': '1', d: '2', 'd/.burrymeta': '3', '%store.json': '4' }],
  ['empty values and folders', { f: '', 'f/': '', 'f/a': '', 'f/a/': '' }],
  [
    'names that differ in case or normal form only',
    { Foo: '1', foo: '2', FOO: '3', '\xc3\xa9': '4', 'e\xcc\x81': '5' },
  ],
  ['a value at every level', { l: '1', 'l/l': '2', 'l/l/l': '3', 'l/l/l/l': '4' }],
  ['long names that begin alike', { ['n'.repeat(250)]: '1', [`${'n'.repeat(249)}m`]: '2', ['n'.repeat(255)]: '3' }],
];
