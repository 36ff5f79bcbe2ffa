import fc from 'fast-check';

/** Segments that have broken file systems, Git, or tools like this one; one character per byte. */
export const hostileSegments: readonly string[] = [
  ...['.', '..', '...', '.git', '.GIT', '.Git', '.git ', '.git.', '.git. .', 'git~1', 'GIT~1', '.gitmodules', '.gitattributes', '.gitignore'],
  ...['.g\xe2\x80\x8cit', '.git::$INDEX_ALLOCATION', '.git:x', '.git\\x', 'a\\b', '..\\x', '\\', ':', 'a:b', 'C:', 'a.', 'a ', ' a', ' ', 'a. .'],
  ...['con', 'CON', 'Con', 'con.txt', 'aux', 'AUX.tar.gz', 'nul', 'prn', 'com0', 'COM9', 'lpt1', 'lpt1.x', 'com10', 'conx', 'con%', 'conin$'],
  ...['-', '--', '-rf', '--upload-pack=x', '@', '@{', '~', '^', '*', '?', '<', '>', '|', '"', "'", '`', '$HOME', '$(id)', ';', '&', '#', '!'],
  ...['%', '%%', '%2F', '%2f', '%_', '%+', 'a%+', '%value', '%null', '%attrs.json', 'a%attrs.json', '%store.json', '%rel', '%long', '%key'],
  ...['.gpg', 'x.gpg', 'x.GPG', 'x.gPg', 'x.gpg.gpg', 'gpg', 'a.gpgx', 'x.asc', 'x.lock', 'x.tmp', 'Thumbs.db', '.DS_Store', 'desktop.ini'],
  ...['\n', '\r', '\t', '\0', 'a\nb', 'a\0b', '\x7f', '\x1b[31m', '\xff', '\xfe\xff', '\xc3', '\xc3\xa4', 'a\xcc\x88', '\xe2\x80\xaegpj.exe'],
  ...['\xed\xa0\x80', '\xf0\x9f\x8c\xb3', '\xc0\xaf', '\xef\xbb\xbf', '\xe2\x80\xa8', '\xef\xbf\xbd'],
  ...['Foo', 'foo', 'FOO', 'fOO', 'straße', 'I', 'i', '\xc4\xb0', '\xc4\xb1', '\xe2\x84\xaa', 'k', 'K'],
  ...['content', '.burrymeta', 'xBURRY_ESC_COLONy', 'BURRY_ESC_COLON', 'value', 'children', '.val', '.meta', '.root'],
  ...['a'.repeat(200), 'a'.repeat(201), 'A'.repeat(66), 'A'.repeat(67), 'A'.repeat(200), '%'.repeat(100), '\xff'.repeat(67), 'x'.repeat(255)],
  ...['x'.repeat(256), `${'x'.repeat(199)}.gpg`, `${'y'.repeat(198)}.gpg`, `${'-'.repeat(400)}`, `${'.'.repeat(450)}`, 'con'.repeat(200)],
  ...[`${'b'.repeat(200)}con`, `${'b'.repeat(200)}CON.x`, `${'b'.repeat(199)}\xff\xff`, `${'b'.repeat(198)}\xff\xff`, 'z'.repeat(1_000), 'Z'.repeat(5_000)],
];

/** Any segment: hostile, random bytes, random ASCII, variants of few letters in both cases, long ones. */
export const anySegment: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...hostileSegments) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll('/', '')) },
  { weight: 3, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 12 }).map((text) => text.replaceAll('/', '')) },
  { weight: 3, arbitrary: fc.string({ unit: fc.constantFrom('a', 'A', 'b', 'B', '.', '-', '%'), maxLength: 4 }) },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom('a', 'A', '.', '\xff', 'con', '-'), minLength: 190, maxLength: 700 }) },
);

/** Any key, up to thirty segments deep. */
export const anyKey: fc.Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.array(anySegment, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.array(anySegment, { minLength: 5, maxLength: 30 }) },
).map((segments) => segments.join('/'));
