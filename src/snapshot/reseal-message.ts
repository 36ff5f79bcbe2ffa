import { count, encodeTrailers, type Trailers, toolTrailer } from './message.ts';

/** What a commit did that changed no value, only how values are encrypted. */
export interface ResealReport {
  readonly store: string;
  /** Values that have other recipients now, or became secret, or no longer are. */
  readonly rekeyed: number;
  /** Values that were encrypted anew since what their ciphertexts held was not known. */
  readonly reencrypted: number;
}

const history = `What lies in the history stays readable there to whom it was readable: change the secrets
themselves where somebody must not know them any longer.`;

/** The commit message, with the trailers of the snapshot that was encrypted anew. `version` is treekeeper's own. */
export function encodeResealMessage(
  { store, rekeyed, reencrypted }: ResealReport,
  trailers: Trailers,
  version: string,
): string {
  const facts = [
    ...(rekeyed > 0 ? [`${count(rekeyed)} values encrypted by other rules`] : []),
    ...(reencrypted > 0 ? [`${count(reencrypted)} values encrypted anew without a cache`] : []),
  ];
  const subject = `${store}: ${facts.join(', ') || 'other rules for encryption'}`;
  const body = reencrypted > 0 && rekeyed === 0 ? [] : [history];
  const all = {
    ...Object.fromEntries(trailers),
    Rekeyed: rekeyed > 0 ? count(rekeyed) : undefined,
    Reencrypted: reencrypted > 0 ? `${count(reencrypted)} (no cache)` : undefined,
    Tool: toolTrailer(version),
  };
  return `${[subject, ...body, encodeTrailers(all)].join('\n\n')}\n`;
}
