import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { encodeReceipt, type Receipt } from '../../src/codec/receipt.ts'
import type { Link } from '../../src/link/link.ts'
import { openLink } from '../../src/link/open.ts'
import { type UplinkSettings, uplink as uplinkSettings } from '../../src/settings/schema/uplink.ts'
import { Uplink } from '../../src/uplink/uplink.ts'
import { type Mosquitto, startMosquitto } from '../../support/mosquitto.ts'
import { onStop } from '../../support/started.ts'
import { until } from '../../support/wait.ts'
import { type Label, readLabel, ScriptedOutbox } from './scripted-outbox.ts'

const EDGE = 'site'
const FENCE_TOPIC = 'fence'
const BATCHES = `tidegate/${EDGE}/up/#`

/** The receiver of the edge, which sends exactly the answers that a test asks for. */
export class ScriptedReceiver {
  /** The messages received, in order, with the size of each. */
  readonly arrived: (Label & { readonly bytes: number })[] = []
  #fences = 0
  #link!: Link

  static async connect(url: string): Promise<ScriptedReceiver> {
    const receiver = new ScriptedReceiver()
    receiver.#link = await openLink({
      url,
      clientId: 'receiver',
      session: false,
      keepaliveS: 30,
      connectTimeoutMs: 5_000,
      onMessage: (topic, payload) => {
        if (topic === FENCE_TOPIC) receiver.#fences++
        else receiver.arrived.push({ ...readLabel(payload), bytes: payload.length })
      },
    })
    onStop(() => receiver.#link.close())
    await receiver.join()
    await receiver.#link.subscribe(FENCE_TOPIC, 1)
    return receiver
  }

  /** Subscribes to the batches. */
  join(): Promise<void> {
    return this.#link.subscribe(BATCHES, 1)
  }

  /** Ends the subscription to the batches. */
  leave(): Promise<void> {
    return this.#link.unsubscribe(BATCHES)
  }

  async untilArrived(count: number): Promise<void> {
    await until(() => this.arrived.length >= count, { what: `${count} messages arrive` })
  }

  /** Answers the message with this index; the given fields override those of a good receipt. */
  async answer(index: number, more: Partial<Receipt> = {}): Promise<void> {
    const { kind, epoch, run, range } = this.arrived[index]!
    const good = { kind: kind === 'batch' ? 'stored' : 'amended', high: range.last, reason: undefined } as const
    const receipt = encodeReceipt({ ...good, epoch, run, ranges: [range], ...more })
    await this.#link.publish(`tidegate/${EDGE}/down/receipt`, receipt, { qos: 1 })
  }

  /** Sends a message over the broker and back: everything that was due before has happened when it resolves. */
  async fence(): Promise<void> {
    const before = this.#fences
    await this.#link.publish(FENCE_TOPIC, Buffer.from('x'), { qos: 1 })
    await until(() => this.#fences > before, { what: 'the fence comes back' })
  }
}

export interface Scene {
  readonly cloud: Mosquitto
  readonly receiver: ScriptedReceiver
  readonly outbox: ScriptedOutbox
  readonly uplink: Uplink
  /** Adds readings, as if devices had sent them, and notifies the uplink. */
  store(count: number): void
}

/**
 * `via`: an address that leads to the broker; `config`: lines of mosquitto.conf. Each backoff takes its longest
 * pause.
 */
export async function startUplink(
  settings: Partial<UplinkSettings> = {},
  {
    via = async (cloud) => cloud.url,
    config = '',
    outbox = new ScriptedOutbox(),
  }: { outbox?: ScriptedOutbox; via?: (cloud: Mosquitto) => Promise<string>; config?: string } = {},
): Promise<Scene> {
  const cloud = await startMosquitto({ config })
  const receiver = await ScriptedReceiver.connect(cloud.url)
  const quick = { backoffMinMs: 20, backoffMaxMs: 200, url: await via(cloud) }
  const uplink = Uplink.start(uplinkSettings.parse({ ...quick, ...settings }), {
    edge: EDGE,
    outbox,
    log: silentLog,
    clock: systemClock,
    steadyClock: systemClock,
    onTime: () => undefined,
    random: () => 0.999,
    report: async () => ({ backlog: outbox.lastSeq - outbox.confirmed.count }),
  })
  onStop(() => uplink.stop())
  onStop(() => cloud.kill()) // before the uplink stops: it must not wait for answers that never come
  await until(() => uplink.stats().connected, { what: 'the uplink is connected' })
  const store = (count: number): void => {
    outbox.lastSeq += count
    uplink.notifyStored(count)
  }
  return { cloud, receiver, outbox, uplink, store }
}
