import type { Clock } from '../../base/clock.ts'
import type { SchemaCheck } from '../../config/schema-check.ts'
import type { ConfigSettings } from '../../settings/schema/config.ts'
import type { StoreTime } from '../../store/clock/store-time.ts'
import { isStoreTrouble } from '../../store/housekeeping/space.ts'
import type { ConfigOrder } from '../../store/orders.ts'
import type { Store } from '../../store/store.ts'
import type { ConfigCalls, ConfigNotice, ConfigStatus } from '../config-protocol.ts'
import type { Notice } from '../protocol.ts'
import { ConfigTransactions } from './config-transactions.ts'
import { CustomMerges } from './custom-merge.ts'

/** How often to check for devices with something due: an overdue acknowledgement, a deadline (ms). */
const TICK_MS = 1_000
/** The next tick if one could not handle all devices (ms): messages are handled in between. */
const TICK_AGAIN_MS = 20

type Handlers = { [Name in keyof ConfigCalls]: (request: ConfigCalls[Name]['request']) => ConfigCalls[Name]['reply'] }

/** Config sync on the store thread: handles calls, ticks and orders with the config transactions. */
export class ConfigRequests {
  readonly enabled: boolean
  readonly #configTransactions: ConfigTransactions
  readonly #custom: CustomMerges
  readonly #wallClock: Clock
  readonly #timer: NodeJS.Timeout
  #soon: NodeJS.Timeout | undefined

  constructor(
    store: Store,
    settings: ConfigSettings,
    dependencies: {
      readonly check: SchemaCheck
      readonly time: Pick<StoreTime, 'trusted'>
      readonly wallClock: Clock
      readonly notify: (notice: ConfigNotice) => void
      readonly notice: (notice: Notice) => void
    },
  ) {
    this.enabled = settings.enabled
    this.#wallClock = dependencies.wallClock
    this.#custom = new CustomMerges(settings.custom, settings.customTimeoutMs)
    this.#configTransactions = new ConfigTransactions(store, {
      settings,
      custom: this.#custom,
      random: Math.random,
      ...dependencies,
    })
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  /** A full disk does not end the process: the next tick tries again. */
  #tick(): void {
    try {
      const more = this.#configTransactions.tick(this.#wallClock.now())
      if (more) this.#soon ??= setTimeout(() => this.#tickAgain(), TICK_AGAIN_MS).unref()
    } catch (failure) {
      if (!isStoreTrouble(failure)) throw failure
    }
  }

  #tickAgain(): void {
    this.#soon = undefined
    this.#tick()
  }

  readonly handlers: Handlers = {
    configEvents: ({ events }) => this.#configTransactions.events(events, this.#wallClock.now()),
    configRestart: ({ after }) => this.#configTransactions.restart(after, this.#wallClock.now()),
    configNext: ({ countMax }) => this.#configTransactions.next(countMax, this.#wallClock.now()),
    configAnswered: ({ answers }) => void this.#configTransactions.answered(answers, this.#wallClock.now()),
    configRelease: () => void this.#configTransactions.release(),
  }

  /** For orders of commands, which share a transaction with other orders: `take` inside it, `done` after it. */
  begin(): { take(order: ConfigOrder): void; done(): void } {
    const now = this.#wallClock.now()
    const turns = this.#configTransactions.turns(now)
    return { take: (order) => this.#configTransactions.order(turns, order, now), done: () => turns.done() }
  }

  status(): ConfigStatus {
    return this.#configTransactions.status()
  }

  stop(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    this.#custom.stop()
  }
}
