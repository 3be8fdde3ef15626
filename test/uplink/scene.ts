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

/** The receiver's end of the link, which says only what the test wants it to say. */
export class FarSide {
  /** What has come, in order, when (monotonic ms), and how large. */
  readonly arrived: (Label & { readonly at: number; readonly bytes: number })[] = []
  #fences = 0
  #link!: Link

  static async connect(url: string): Promise<FarSide> {
    const farSide = new FarSide()
    farSide.#link = await openLink({
      url,
      clientId: 'far-side',
      session: false,
      keepaliveS: 30,
      connectTimeoutMs: 5_000,
      onMessage: (topic, payload) => {
        if (topic === FENCE_TOPIC) farSide.#fences++
        else farSide.arrived.push({ ...readLabel(payload), at: performance.now(), bytes: payload.length })
      },
    })
    onStop(() => farSide.#link.close())
    await farSide.#link.subscribe(`tidegate/${EDGE}/up/#`, 1)
    await farSide.#link.subscribe(FENCE_TOPIC, 1)
    return farSide
  }

  async untilArrived(count: number): Promise<void> {
    await until(() => this.arrived.length >= count, { what: `${count} messages arrive` })
  }

  /** Answers what arrived as number `index`; the fields given win over those of a good receipt. */
  async answer(index: number, more: Partial<Receipt> = {}): Promise<void> {
    const { kind, epoch, run, range } = this.arrived[index]!
    const good = { kind: kind === 'batch' ? 'stored' : 'amended', high: range.last, reason: undefined } as const
    const receipt = encodeReceipt({ ...good, epoch, run, ranges: [range], ...more })
    await this.#link.publish(`tidegate/${EDGE}/down/receipt`, receipt, { qos: 1 })
  }

  /** A message's way over the broker and back: whatever was going to happen at once has happened by then. */
  async fence(): Promise<void> {
    const before = this.#fences
    await this.#link.publish(FENCE_TOPIC, Buffer.from('x'), { qos: 1 })
    await until(() => this.#fences > before, { what: 'the fence comes back' })
  }
}

export interface Scene {
  readonly cloud: Mosquitto
  readonly farSide: FarSide
  readonly outbox: ScriptedOutbox
  readonly uplink: Uplink
  /** Makes readings, as if devices had sent them, and tells the uplink. */
  store(count: number): void
}

/** `via`: an address that leads to the broker; `config`: lines of mosquitto.conf. Of each backoff the longest pause is taken. */
export async function startUplink(
  settings: Partial<UplinkSettings> = {},
  {
    via = async (cloud) => cloud.url,
    config = '',
    outbox = new ScriptedOutbox(),
  }: { outbox?: ScriptedOutbox; via?: (cloud: Mosquitto) => Promise<string>; config?: string } = {},
): Promise<Scene> {
  const cloud = await startMosquitto({ config })
  const farSide = await FarSide.connect(cloud.url)
  const quick = { backoffMinMs: 20, backoffMaxMs: 200, url: await via(cloud) }
  const uplink = Uplink.start(uplinkSettings.parse({ ...quick, ...settings }), {
    edge: EDGE,
    outbox,
    log: silentLog,
    clock: systemClock,
    random: () => 0.999,
    report: async () => ({ backlog: outbox.lastSeq - outbox.confirmed.count }),
  })
  onStop(() => uplink.stop())
  onStop(() => cloud.kill()) // before the uplink stops: it need not wait for answers that nobody is going to give
  await until(() => uplink.stats().connected, { what: 'the uplink is connected' })
  const store = (count: number): void => {
    outbox.lastSeq += count
    uplink.notifyStored(count)
  }
  return { cloud, farSide, outbox, uplink, store }
}
