import { translateKey } from '../operations/relocate.ts';
import type { InputFormat } from '../report/input/format.ts';
import { formatKey } from '../report/key.ts';
import type { Printer } from '../report/printer.ts';
import { type Kind, layouts } from '../snapshot/layout.ts';
import { count } from '../snapshot/message.ts';
import type { Node } from '../snapshot/node.ts';
import { keyAt, latin1, placeOf } from '../snapshot/paths.ts';
import type { DumpWriter } from './dump.ts';

/** So much text is written at once. */
const writeSize = 64 * 1024;
/** More nodes that cannot be expressed than these are only counted. */
const mostShown = 20;

/**
 * Writes nodes of a service of one kind as input for a program that puts them into one of another. Where that one has no node
 * without its parent, parents that the service has not come before their children, as nodes without a value.
 */
export function openInputWriter(format: InputFormat, from: Kind, printer: Printer): DumpWriter {
  const layout = layouts[format.kind];
  const noRoot = new Uint8Array();
  const written = layout.parents === 'nodes' ? new Set<string>() : undefined;
  let text = format.head;
  let isFirst = true;
  let [held, failures] = [0, 0];

  return {
    node(node) {
      if (node.attributes?.['ephemeral'] !== undefined) {
        held += 1;
        return;
      }
      const key = translateKey(node.key, from, format.kind);
      for (const parent of missingParents(key))
        write({ key: parent, value: null, attributes: undefined, ephemeral: undefined });
      write({ ...node, key });
      if (text.length >= writeSize) flush();
    },

    finish() {
      text += format.foot;
      flush();
      if (failures > mostShown) printer.warn(`${count(failures)} nodes in all cannot be expressed`);
      if (held > 0) printer.note(`${count(held)} nodes of running clients were left out`);
      return failures;
    },
  };

  function write(node: Node): void {
    written?.add(latin1(node.key));
    const expressed = format.express(node);
    if ('text' in expressed) {
      text += (isFirst ? '' : format.between) + expressed.text;
      isFirst = false;
      return;
    }
    if (isUntouchedRoot(node)) return;
    failures += 1;
    if (failures <= mostShown) printer.warn(`left out: ${formatKey(node.key)} (${expressed.reason})`);
  }

  /** A service whose keys are absolute makes its root itself, with an empty value or none. */
  function isUntouchedRoot({ key, value, attributes }: Node): boolean {
    return layout.keys === 'absolute' && latin1(key) === '/' && !value?.length && attributes === undefined;
  }

  function missingParents(key: Uint8Array): Uint8Array[] {
    if (!written) return [];
    const place = placeOf(key, noRoot, layout);
    const segments = place?.segments ?? [];
    return segments
      .slice(1)
      .map((_, depth) => keyAt({ relative: false, segments: segments.slice(0, depth + 1) }, noRoot, layout))
      .filter((parent) => !written.has(latin1(parent)));
  }

  function flush(): void {
    printer.raw(Buffer.from(text));
    text = '';
  }
}
