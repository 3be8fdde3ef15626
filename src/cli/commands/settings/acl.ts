import { compileTarget, forwardTopic } from '../../../base/forwarding.ts'
import { isEnabled } from '../../../receiver/config/settings.ts'
import type { EdgeSettings } from '../../../settings/edge.ts'
import type { ReceiverSettings } from '../../../settings/receiver.ts'
import { configCarrier } from '../../../settings/schema/config.ts'

/** Mosquitto replaces it by the user name of the client. */
const USER = '%u'
/** Topics of device configs that an edge writes; `desired` comes from the receiver. */
const CONFIGS_UP = ['head', 'reported', 'conflict']

/**
 * Access rules of Mosquitto for edges with these settings: a client that logs in with the name of its edge may use the
 * topics of that edge, and no others.
 */
export function edgeAcl(settings: EdgeSettings): string[] {
  return [...new Set(settings.uplinks.flatMap((uplink) => uplinkAcl(settings, uplink)))]
}

type Uplink = EdgeSettings['uplinks'][number]

function uplinkAcl({ routes, config, uplinks: all }: EdgeSettings, uplink: Uplink): string[] {
  const { name, prefix } = uplink
  const base = `${prefix}/${USER}`
  const forwards = routes.filter(({ forward, uplinks }) => forward && (uplinks === undefined || uplinks.includes(name)))
  const downs = routes.filter(({ direction, uplinks }) => direction === 'down' && (uplinks?.includes(name) ?? true))
  const carriesConfigs = configCarrier(config, all) === name
  return [
    ...readingsAcl(uplink, base),
    `pattern write ${base}/status`,
    ...(carriesConfigs ? CONFIGS_UP.map((what) => `pattern write ${base}/config/+/${what}`) : []),
    ...(carriesConfigs ? [`pattern read ${base}/config/+/desired`] : []),
    ...forwards.map(({ topic, to }) => {
      return `pattern write ${forwardTopic(compileTarget(to, topic), { edge: USER, prefix, topic })}`
    }),
    ...downs.map(({ topic }) => `pattern read ${forwardTopic(topic, { edge: USER, prefix, topic: '' })}`),
  ]
}

function readingsAcl(uplink: Uplink, base: string): string[] {
  const { format, prefix, presence, confirm, json, message, sparkplug } = uplink
  const filter = (template: string): string =>
    forwardTopic(template, { edge: USER, prefix, topic: '' }).replace(/\{(device|metric)\}/g, '+')
  if (format === 'json') return [`pattern write ${filter(json.topic)}`]
  if (format === 'message') return [`pattern write ${filter(message.topic)}`]
  if (format === 'cbor') {
    const readsStatus = presence && confirm === 'receipt'
    return [
      `pattern write ${base}/up/#`,
      `pattern read ${base}/down/#`,
      ...(readsStatus ? [`pattern read ${prefix}/$receiver`] : []),
    ]
  }
  const group = `spBv1.0/${sparkplug.group}`
  return [`pattern write ${group}/+/${USER}/#`, `pattern read ${group}/NCMD/${USER}`]
}

/** Access rules of Mosquitto for a receiver with these settings. */
export function receiverAcl(settings: ReceiverSettings): string[] {
  const { prefix, presence, username = 'receiver' } = settings.cloud
  return [
    `user ${username}`,
    `topic read ${prefix}/+/up/#`,
    `topic read ${prefix}/+/status`,
    `topic write ${prefix}/+/down/#`,
    ...(presence ? [`topic readwrite ${prefix}/$receiver`] : []),
    ...(isEnabled(settings) ? [`topic readwrite ${prefix}/+/config/#`] : []),
  ]
}
