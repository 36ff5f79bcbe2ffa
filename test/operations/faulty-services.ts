import type { Service, Unreadable } from '../../src/services/service.ts';

/** Some of a service's nodes cannot be read: a fault that no user of root can be made to see. */
export function withUnreadable(service: Service, hidden: readonly Unreadable[]): Service {
  return {
    ...service,
    async *read(options) {
      const isHidden = (key: Uint8Array) =>
        hidden.some((item) => `${Buffer.from(key)}/`.startsWith(`${Buffer.from(item.key)}/`));
      yield { type: 'batch', nodes: [], unreadable: hidden };
      for await (const event of service.read(options)) {
        if (event.type === 'end') yield event;
        else yield { ...event, nodes: event.nodes.filter(({ key }) => !isHidden(key)) };
      }
    },
  };
}
