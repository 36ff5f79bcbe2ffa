import type { Description, TransportWords } from './transport.ts';

/**
 * Bytes a second. An answer that comes with fewer is as good as none: a megabyte takes more than an hour. Eight connections
 * that share a link of 64 kbit/s have four times as many each.
 */
const slowest = 256;

/** How many milliseconds of waiting so many bytes of an answer make up for. */
export function madeUpBy(bytes: number): number {
  return (bytes * 1000) / slowest;
}

/** What a failure says where nothing came in time, and where something did, but too little. */
export const silence = 'no answer in time';
export const slowness = 'too little of an answer in time';

export function describeImpatience(
  text: string,
  { program }: TransportWords,
  timeout: number,
): Description | undefined {
  if (text === silence)
    return [`did not answer within ${timeout / 1000} s`, `is it up, and is it ${program}? --timeout gives it longer`];
  if (text === slowness) {
    return [
      `began to answer, and was too slow to be waited for (${timeout / 1000} s)`,
      'is the network in between that slow, or is something in it broken? --timeout gives it longer',
    ];
  }
  return undefined;
}
