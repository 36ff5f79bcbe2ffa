import type { Endpoint } from '../../src/services/address.ts';
import { codes } from '../../src/services/zookeeper/failure.ts';
import { frameReader } from '../../src/services/zookeeper/frames.ts';
import { JuteWriter } from '../../src/services/zookeeper/jute.ts';
import { opCodes } from '../../src/services/zookeeper/records.ts';
import { type Between, startBetween } from '../servers/between.ts';

/** What came after 3.5. */
const unknown: readonly number[] = [opCodes.multiRead, opCodes.addWatch, opCodes.whoAmI];

/** Makes a ZooKeeper look like an old one, which answers what it does not know with -6 and closes the connection. */
export function startOldZookeeper(target: Endpoint): Promise<Between> {
  return startBetween(target, (client, upstream) => {
    let isGreeted = false;
    const pass = frameReader((frame) => {
      const isCall = isGreeted;
      isGreeted = true;
      if (isCall && unknown.includes(frame.readInt32BE(4))) {
        const xid = frame.readInt32BE(0);
        const refusal = (writer: JuteWriter) => void writer.int(xid).long(0n).int(codes.unimplemented);
        client.end(new JuteWriter().frame(refusal).finish());
      } else upstream.write(new JuteWriter().buffer(frame).finish());
    });
    client.on('data', pass);
    upstream.on('data', (chunk) => client.writable && client.write(chunk));
  });
}
