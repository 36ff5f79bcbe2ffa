import type { Kind } from '../../snapshot/layout.ts';
import type { Node } from '../../snapshot/node.ts';

/** Input for another program, which puts nodes into a service of its kind. */
export interface InputFormat {
  /** Whose keys these are. */
  readonly kind: Kind;
  /** Before the first node: how it is used, where the format has comments. */
  readonly head: string;
  readonly between: string;
  readonly foot: string;
  /** The text that makes a node, or why the format cannot express it. Never anything in between. */
  express(node: Node): { readonly text: string } | { readonly reason: string };
}
