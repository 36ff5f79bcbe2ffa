import type { Agent } from 'node:http';
import { ConsulFailure } from './failure.ts';
import { type ConsulAddress, get, textOf } from './request.ts';

/** What a token may see of the keys: `all`, `nothing`, or `unknown`, since rights cannot be asked for one by one. */
export type Sight = 'all' | 'nothing' | 'unknown';

/** The accessor of whoever shows no token, and of the policy that allows everything. */
const anonymous = '00000000-0000-0000-0000-000000000002';
const globalManagement = '00000000-0000-0000-0000-000000000001';

/**
 * Asks what our token is, since a list without keys is what a token without rights is shown, too. Rejects with a
 * `ConsulFailure`, also where the server does not know the token.
 */
export async function askSight(address: ConsulAddress, agent: Agent, signal: AbortSignal | undefined): Promise<Sight> {
  const { response, endpoint } = await get(address, agent, '/v1/acl/token/self', [], signal);
  const { statusCode = 0 } = response;
  const text = (await textOf(response, endpoint, address.timeout)).trim();
  if (statusCode === 401 && /ACL support disabled/i.test(text)) return 'all';
  if (statusCode !== 200) {
    if (address.token === undefined && statusCode === 403) return 'nothing';
    throw new ConsulFailure(statusCode, endpoint, text.slice(0, 300));
  }

  const { AccessorID, Policies } = JSON.parse(text) as { AccessorID?: string; Policies?: readonly { ID: string }[] };
  if (AccessorID === anonymous) return 'nothing';
  return (Policies ?? []).some(({ ID }) => ID === globalManagement) ? 'all' : 'unknown';
}
