/**
 * A time as a person names it, in milliseconds since 1970. A day, a month or a year goes from its first to its last
 * millisecond; anything else is one moment.
 */
export interface When {
  readonly start: number;
  readonly end: number;
}

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const months = 'january february march april may june july august september october november december'.split(' ');
const numbers = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

const clock = String.raw`(?<hour>\d{1,2}):(?<minute>\d\d)(?::(?<second>\d\d)(?:\.(?<fraction>\d{1,3})\d*)?)?(?: ?(?<half>[ap])m)?`;
const zone = String.raw`(?<utc>z|utc|gmt)|(?<sign>[+-])(?<hours>\d\d):?(?<minutes>\d\d)`;
const dateAndTime = new RegExp(
  `^(?<date>.*?)(?<time>(?:^| )(?:at )?(?:${clock}|(?<word>noon|midnight))(?: ?(?:${zone}))?)?$`,
);
const ago = /^(?<count>\d+|[a-z]+) (?<unit>second|minute|hour|day|week|month|year)s? ago$/;
const iso = /^(?<year>\d{4})(?:-(?<month>\d\d)(?:-(?<day>\d\d))?)?$/;
const named = /^(?:(?<day>\d{1,2}) )?(?<name>[a-z]{3,9})(?: (?<after>\d{1,2}))?(?: (?<year>\d{4}))?$/;

/**
 * Reads a time in words or in ISO 8601, in local time unless it says otherwise: `2026-11-01`, `2026-11-01 14:00`,
 * `2026-11-01T14:00:00Z`, `2026-11`, `1 Nov 2026`, `Nov 1 14:00`, `today`, `yesterday 14:00`, `friday`, `14:00`, `noon`,
 * `2 hours ago`, `now`. A weekday, a time or a date without a year is the last one before `now`. `undefined` for
 * anything else.
 */
export function parseWhen(text: string, now = Date.now()): When | undefined {
  const words = text
    .trim()
    .toLowerCase()
    .replace(/(?<=\d)t(?=\d)/, ' ')
    .replace(/[\s,_]+|(?<=[a-z0-9])\.(?=[a-z])/g, ' ');
  // The newest snapshot is part of now, even where it is dated a little ahead: two in one second, or another host's clock.
  if (words === 'now') return { start: now, end: Number.POSITIVE_INFINITY };

  const { date = '', time, ...parts } = dateAndTime.exec(words)?.groups ?? {};
  if (time === undefined) {
    const past = agoIn(date, now);
    if (past) return { start: past.getTime(), end: past.getTime() };
    const days = daysIn(date, now);
    return days && { start: new Date(...days.first).getTime(), end: new Date(...days.next).getTime() - 1 };
  }

  const at = timeIn(parts);
  if (!at) return undefined;
  if (date === '') {
    const today = at(dayOf(new Date(now)));
    const last = today <= now ? today : at(dayOf(shifted(now, 'day', 1)));
    return { start: last, end: last };
  }
  const past = agoIn(date, now);
  const day = past ? dayOf(past) : daysIn(date, now)?.first;
  const start = day && at(day);
  return start === undefined ? undefined : { start, end: start };
}

type Day = readonly [year: number, month: number, day: number];
type Groups = { readonly [name: string]: string | undefined };

/** The moment at that time of a day. */
function timeIn({ hour, minute, second = '0', fraction = '', half, word, utc, sign, hours, minutes }: Groups) {
  const whole = Number(hour ?? (word === 'noon' ? 12 : 0));
  const [h, m, s] = [
    half === undefined ? whole : (whole % 12) + (half === 'p' ? 12 : 0),
    Number(minute ?? 0),
    Number(second),
  ];
  const ms = Number(fraction.padEnd(3, '0'));
  if (h > 24 || m > 59 || s > 60) return undefined;
  if (!utc && !sign) return ([year, month, day]: Day) => new Date(year, month, day, h, m, s, ms).getTime();
  const offset = utc ? 0 : (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1);
  return ([year, month, day]: Day) => Date.UTC(year, month, day, h, m - offset, s, ms);
}

function agoIn(words: string, now: number): Date | undefined {
  const { count = '', unit } = ago.exec(words)?.groups ?? {};
  const number = /^an?$/.test(count) ? 1 : /^\d/.test(count) ? Number(count) : numbers.indexOf(count);
  return unit === undefined || number < 0 ? undefined : shifted(now, unit, number);
}

/** By the calendar where it is about days and more: a day ago it was as late as now, summer time or not. */
function shifted(now: number, unit: string, number: number): Date {
  const date = new Date(now);
  if (unit === 'second' || unit === 'minute' || unit === 'hour')
    return new Date(now - number * { second: 1_000, minute: 60_000, hour: 3_600_000 }[unit]);
  if (unit === 'month') date.setMonth(date.getMonth() - number);
  else if (unit === 'year') date.setFullYear(date.getFullYear() - number);
  else date.setDate(date.getDate() - number * (unit === 'week' ? 7 : 1));
  return date;
}

/** The first day of a date, and the first one after it. */
function daysIn(words: string, now: number): { first: Day; next: Day } | undefined {
  const oneDay = ([year, month, day]: Day) => ({
    first: [year, month, day] as const,
    next: [year, month, day + 1] as const,
  });
  if (words === 'today') return oneDay(dayOf(new Date(now)));
  if (words === 'yesterday') return oneDay(dayOf(shifted(now, 'day', 1)));

  const [, word] = /^(?:last )?([a-z]{3,})$/.exec(words) ?? [];
  const weekday = word === undefined ? -1 : weekdays.findIndex((name) => name.startsWith(word));
  if (weekday >= 0) return oneDay(dayOf(shifted(now, 'day', ((new Date(now).getDay() - weekday + 6) % 7) + 1)));

  const { year, month, day } = iso.exec(words)?.groups ?? {};
  if (year !== undefined) {
    const first = [Number(year), Number(month ?? 1) - 1, Number(day ?? 1)] as const;
    if (!isDay(first)) return undefined;
    if (day !== undefined) return oneDay(first);
    return { first, next: month === undefined ? [first[0] + 1, 0, 1] : [first[0], first[1] + 1, 1] };
  }
  return namedDay(named.exec(words)?.groups, now, oneDay);
}

/** `1 Nov 2026`, `November 1`: exactly one number is the day. */
function namedDay(
  groups: Groups | undefined,
  now: number,
  oneDay: (day: Day) => { first: Day; next: Day },
): { first: Day; next: Day } | undefined {
  const { day, name = '', after, year } = groups ?? {};
  const month = name === '' ? -1 : months.findIndex((whole) => whole.startsWith(name));
  if (month < 0 || (day === undefined) === (after === undefined)) return undefined;
  const today = new Date(now);
  const thisYear = [today.getFullYear(), month, Number(day ?? after)] as const;
  const isPast = new Date(...thisYear).getTime() <= now;
  const found: Day = [year === undefined ? thisYear[0] - (isPast ? 0 : 1) : Number(year), month, thisYear[2]];
  return isDay(found) ? oneDay(found) : undefined;
}

function dayOf(date: Date): Day {
  return [date.getFullYear(), date.getMonth(), date.getDate()];
}

/** Not the 30th of February, which `Date` takes for a day in March. */
function isDay([year, month, day]: Day): boolean {
  const date = new Date(year, month, day);
  return date.getMonth() === month && date.getDate() === day;
}
