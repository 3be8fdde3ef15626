/** The topics of config sync, see README.md. `prefix`: the first levels on the cloud broker, such as `tidegate`. */

export type ConfigTopic = 'desired' | 'head' | 'reported' | 'conflict'

export function cloudTopic(prefix: string, edge: string, device: string, what: ConfigTopic): string {
  return `${prefix}/${edge}/config/${device}/${what}`
}

/** The filter for that topic of all devices of an edge; with `+` as the edge, of all edges. */
export function cloudFilter(prefix: string, edge: string, what: ConfigTopic): string {
  return cloudTopic(prefix, edge, '+', what)
}

/**
 * Reads a topic that `cloudTopic` made with this prefix; undefined for any other. Names with U+FFFD are not read: the MQTT
 * library replaces ill-formed UTF-8 by it, so that two devices could have become one.
 */
export function readCloudTopic(
  prefix: string,
  topic: string,
): { readonly edge: string; readonly device: string; readonly what: ConfigTopic } | undefined {
  if (!topic.startsWith(`${prefix}/`) || topic.includes('\ufffd')) return undefined
  const [edge, config, device, what, ...more] = topic.slice(prefix.length + 1).split('/')
  if (!edge || config !== 'config' || !device || more.length > 0) return undefined
  if (what !== 'desired' && what !== 'head' && what !== 'reported' && what !== 'conflict') return undefined
  return { edge, device, what }
}

export type LocalTopic = 'set' | 'ack' | 'result'

/** The topic with the config in force of a device, which only the edge writes, or one of the topics below it. */
export function localTopic(device: string, what?: LocalTopic): string {
  return what === undefined ? `devices/${device}/config` : `devices/${device}/config/${what}`
}

/** Reads `devices/{device}/config/{set|ack}`, the topics that devices and operators write; undefined for any other. */
export function readLocalTopic(topic: string): { readonly device: string; readonly what: 'set' | 'ack' } | undefined {
  const found = /^devices\/([^/]+)\/config\/(set|ack)$/.exec(topic)
  return found === null ? undefined : { device: found[1]!, what: found[2] as 'set' | 'ack' }
}
