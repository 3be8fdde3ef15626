import { systemClock } from '../../base/clock.ts'
import { loadSchemas } from '../../config/schema-check.ts'
import type { ConfigSettings } from '../../settings/schema/config.ts'
import { isStoreTrouble } from '../../store/housekeeping/space.ts'
import type { ConfigOrder } from '../../store/orders.ts'
import type { Store } from '../../store/store.ts'
import type { ConfigCalls, ConfigNews, ConfigStatus } from '../config-protocol.ts'
import type { EdgeClock } from '../edge-clock.ts'
import type { News } from '../protocol.ts'
import { ConfigDesk } from './config-transactions.ts'
import { CustomMerges } from './custom-merge.ts'

/** How often it looks whether time has brought something: an answer that is overdue, a deadline (ms). */
const TICK_MS = 1_000

type Handlers = { [Name in keyof ConfigCalls]: (request: ConfigCalls[Name]['request']) => ConfigCalls[Name]['reply'] }

/** Config sync on the store thread: the desk, what it needs, and its clockwork. */
export class ConfigThread {
  readonly enabled: boolean
  readonly #desk: ConfigDesk
  readonly #custom: CustomMerges
  readonly #timer: NodeJS.Timeout

  /** @throws OperatorError for a JSON Schema that cannot be used */
  constructor(
    store: Store,
    settings: ConfigSettings,
    around: {
      readonly clock: EdgeClock
      readonly tell: (news: ConfigNews) => void
      readonly news: (news: News) => void
    },
  ) {
    this.enabled = settings.enabled
    this.#custom = new CustomMerges(settings.custom, settings.customTimeoutMs)
    this.#desk = new ConfigDesk(store, {
      ...{ settings, check: loadSchemas(settings.schemas), custom: this.#custom.merge, random: Math.random },
      ...around,
    })
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  /** A full disk is no reason to end: it is tried again. */
  #tick(): void {
    try {
      this.#desk.tick(systemClock.now())
    } catch (failure) {
      if (!isStoreTrouble(failure)) throw failure
    }
  }

  readonly handlers: Handlers = {
    configEvents: ({ events }) => void this.#desk.events(events, systemClock.now()),
    configRestart: ({ after }) => this.#desk.restart(after, systemClock.now()),
    configNext: ({ countMax }) => this.#desk.next(countMax, systemClock.now()),
    configAnswered: ({ answers }) => void this.#desk.answered(answers, systemClock.now()),
    configRelease: () => void this.#desk.release(),
  }

  /** For orders of commands, which share a transaction with others. */
  begin(): { take(order: ConfigOrder): void; done(): void } {
    const now = systemClock.now()
    const turns = this.#desk.turns(now)
    return { take: (order) => this.#desk.order(turns, order, now), done: () => turns.done() }
  }

  status(): ConfigStatus {
    return this.#desk.status()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#custom.stop()
  }
}
