import { resolve } from 'node:path';
import { isRemoteUrl } from '../git/remote-url.ts';

/** Where a repository is, as somebody wrote it: the URL of a remote as it is, a path made absolute. */
export function repositoryPlace(text: string, directory: string): string {
  return isRemoteUrl(text) ? text : resolve(directory, text);
}
