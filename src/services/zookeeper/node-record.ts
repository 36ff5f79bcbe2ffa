import { JuteReader } from './jute.ts';
import { decodeStat, type Stat, statSize } from './records.ts';

/** Where parts of a stat begin. Those of eight bytes are two numbers here. */
const [czxid, mzxid, aversion, ephemeralOwner, numChildren, pzxid] = [0, 8, 40, 44, 56, 60] as const;
const half = 4;

/** The answer to getData, kept as it came, since of most nodes little more than the data is ever looked at. */
export class NodeRecord {
  /** What it came in. A view of its own would take more memory than most records. */
  readonly #source: Buffer;
  /** The data behind its length, then the stat. */
  readonly #start: number;
  readonly #end: number;

  constructor(source: Buffer, start: number, end: number) {
    this.#source = source;
    this.#start = start;
    this.#end = end;
  }

  get size(): number {
    return this.#end - this.#start;
  }

  /** A view. */
  get data(): Buffer | null {
    return new JuteReader(this.#source.subarray(this.#start, this.#end)).buffer();
  }

  get stat(): Stat {
    return decodeStat(new JuteReader(this.#source.subarray(this.#end - statSize, this.#end)));
  }

  /** Whether it belongs to a session, and dies with it. */
  get isEphemeral(): boolean {
    return this.#int(ephemeralOwner) !== 0 || this.#int(ephemeralOwner + half) !== 0;
  }

  get hasChildren(): boolean {
    return this.#int(numChildren) !== 0;
  }

  /** Whether the node was neither created anew, nor changed, nor given another ACL between the two. */
  isSameAs(other: NodeRecord): boolean {
    return [czxid, czxid + half, mzxid, mzxid + half, aversion].every((at) => this.#int(at) === other.#int(at));
  }

  /** Whether no child came or went between the two. */
  hasSameChildrenAs(other: NodeRecord): boolean {
    return [pzxid, pzxid + half].every((at) => this.#int(at) === other.#int(at));
  }

  /** The same, without the answer that it came in: of one in which little is kept, the rest would stay in memory with it. */
  alone(): NodeRecord {
    return new NodeRecord(Buffer.from(this.#source.subarray(this.#start, this.#end)), 0, this.size);
  }

  #int(at: number): number {
    return this.#source.readInt32BE(this.#end - statSize + at);
  }
}

/** Throws `RangeError` where the answer is cut off, or says that it has less than no data. */
export function decodeNodeRecord(reader: JuteReader): NodeRecord {
  const start = reader.skip(4);
  const length = reader.source.readInt32BE(start);
  reader.skip(length === -1 ? 0 : length);
  const end = reader.skip(statSize) + statSize;
  return new NodeRecord(reader.source, start, end);
}
