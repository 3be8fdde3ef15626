import { resolve } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../base/clock.ts'
import { codeOf, messageOf, OperatorError } from '../base/errors.ts'
import type { SchemaCheck } from '../config/schema-check.ts'
import { archive } from '../export/archive.ts'
import { isDamage } from '../store/database.ts'
import type { Archive } from '../store/housekeeping/retention.ts'
import { isStoreTrouble } from '../store/housekeeping/space.ts'
import { DamagedBlock } from '../store/sealed/blocks.ts'
import { Store } from '../store/store.ts'
import { CatalogWatch } from './commit/catalog-watch.ts'
import { Committer } from './commit/committer.ts'
import { RejectReplay } from './commit/reject-replay.ts'
import { UnroutedReplay } from './commit/unrouted-replay.ts'
import { ConfigRequests } from './config/config-requests.ts'
import { checkOf } from './config/schemas.ts'
import type { ConfigCalls } from './config-protocol.ts'
import { DownRequests } from './delivery/down-requests.ts'
import { UplinkRequests, uplinkStarts } from './delivery/uplink-requests.ts'
import type { DownCalls } from './down-protocol.ts'
import { HousekeepingTimer } from './housekeeping-timer.ts'
import { LatencyMeter } from './latency.ts'
import { OrderPoller, type StoreOrders } from './order-poller.ts'
import {
  type BatchMessage,
  type BatchReply,
  type CallMessage,
  type Calls,
  type FromThread,
  NOTHING_STORED,
  type Notice,
  type StoreStatus,
  type ThreadData,
  type ToThread,
} from './protocol.ts'
import { startupNotices } from './startup-notices.ts'
import { statusOf } from './status.ts'

/** How long after the last repeated publish the index of recent readings is kept (ms). */
const FORGET_REPEATS_MS = 60_000

type Handlers = { [Name in keyof Calls]: (request: Calls[Name]['request']) => Calls[Name]['reply'] }

/**
 * The thread that owns the writing database connection: it decodes, judges and commits what devices publish, and
 * encodes what uplinks send. It handles one message at a time, in the order of arrival.
 */
class StoreThread {
  readonly #store: Store
  readonly #committer: Committer
  readonly #catalogWatch: CatalogWatch
  readonly #commits: LatencyMeter
  readonly #uplinks: UplinkRequests
  readonly #configs: ConfigRequests
  readonly #down: DownRequests
  readonly #unrouted: UnroutedReplay
  readonly #orderPoller: OrderPoller
  readonly #housekeepingTimer: HousekeepingTimer
  readonly #handlers: Handlers
  readonly #counted = { readings: 0, rejected: 0, partial: 0, duplicates: 0 }
  /** Number of batches of which publishes were returned; a batch that was sent before that is returned as well. */
  #returns = 0
  readonly #quality = { good: 0, uncertain: 0, bad: 0 }

  constructor({ folder, settings, adopt = false, commitMsSlow = Infinity }: ThreadData, check: SchemaCheck) {
    const { edge, store, quality, uplinks, config, routes } = settings
    this.#commits = new LatencyMeter(commitMsSlow)
    this.#store = Store.open(folder, store, uplinkStarts(uplinks), {
      edge: { name: edge, adopt },
      clock: systemClock,
      archive: store.archive === undefined ? undefined : archiveTo(resolve(folder, store.archive)),
    })
    for (const notice of startupNotices(this.#store)) post({ kind: 'notice', ...notice })
    this.#configs = this.#open(() => {
      const notice = (notice: Notice): void => post({ kind: 'notice', ...notice })
      return new ConfigRequests(this.#store, config, {
        check,
        time: this.#store.time,
        wallClock: systemClock,
        notice,
        notify: (outcome) => post({ kind: 'config', ...outcome }),
      })
    })
    this.#down = new DownRequests(this.#store)
    this.#handlers = { ...this.#own, ...this.#configs.handlers, ...this.#down.handlers }
    this.#committer = this.#open(() => {
      return this.#passingDamage(() => new Committer(this.#store, quality))
    })
    const { writer } = this.#committer
    this.#catalogWatch = new CatalogWatch(this.#store, store, writer.shortages)
    const holdMs = Math.max(0, ...quality.map(({ spike }) => spike?.holdMs ?? 0))
    this.#uplinks = new UplinkRequests(this.#store, uplinks, { edge, holdMs })
    const rejects = new RejectReplay(this.#store, writer, routes)
    this.#unrouted = this.#open(() => new UnroutedReplay(this.#store, writer, routes))
    const storeOrders: StoreOrders = {
      replay: (ids) => rejects.replay(ids, systemClock.now()),
      unrouted: (order) => this.#unrouted.carryOut(order, systemClock.now()),
      dropDown: (order) => this.#down.discard(order),
      forget: (order) => this.#store.upkeep.series.order({ ...order, at: this.#store.time.now() }),
    }
    const requests = { uplinks: this.#uplinks, configs: this.#configs, store: storeOrders }
    this.#orderPoller = new OrderPoller(this.#store, requests, (done) => {
      for (const text of done) post({ kind: 'notice', level: 'info', text: `order carried out: ${text}` })
      post({ kind: 'ordered' })
    })
    this.#housekeepingTimer = new HousekeepingTimer(this.#store, {
      passingDamage: (work) => this.#passingDamage(work),
      checkpoint: () => this.#checkpoint(),
      notify: (notice) => post({ kind: 'notice', ...notice }),
    })
    setInterval(() => this.#store.intake.repeats.forgetIfIdle(FORGET_REPEATS_MS), FORGET_REPEATS_MS).unref()
  }

  /** Commits a batch and replies. A failed commit is a reply, too: it is not acknowledged, and the devices keep it. */
  batch(batch: BatchMessage): void {
    let reply: BatchReply = {
      kind: 'batch',
      buffer: batch.buffer,
      refused: undefined,
      ...NOTHING_STORED,
      returns: this.#returns,
    }
    const begin = performance.now()
    try {
      const { stored, rejected, partial, duplicates, good, uncertain, bad, messages, noRoom, noSeries, undone } =
        this.#passingDamage(() => this.#committer.commit(batch, { isLate: batch.returns !== this.#returns }))
      if (undone.length > 0 && batch.returns === this.#returns) this.#returns++
      const returns = this.#returns
      reply = { ...reply, readings: stored, rejected, partial, duplicates, messages, noRoom, noSeries, undone, returns }
      this.#counted.readings += stored
      this.#counted.rejected += rejected
      this.#counted.partial += partial
      this.#counted.duplicates += duplicates
      this.#quality.good += good
      this.#quality.uncertain += uncertain
      this.#quality.bad += bad
    } catch (failure) {
      if (!isStoreTrouble(failure)) throw failure
      const cause = this.#store.upkeep.space.explain(failure)
      const err = failure instanceof Error ? failure : undefined
      reply = { ...reply, refused: `${codeOf(cause)}: ${messageOf(cause)}`, err }
    }
    parentPort!.postMessage(reply)
    const now = performance.now()
    if (batch.count > 0) this.#commits.note(now - begin, now)
    this.#catalogWatch.observe(now)
    this.#checkpoint()
    this.#housekeepingTimer.committed()
  }

  /**
   * Runs after the reply was sent. A checkpoint that fails (disk full) only leaves the WAL longer; it is tried again.
   */
  #checkpoint(): void {
    try {
      this.#store.checkpointIfDue()
    } catch (failure) {
      if (!isStoreTrouble(failure)) throw failure
    }
  }

  /**
   * Reads from the store at the start. Damage found here is recorded, and the next opening of the store salvages it.
   */
  #open<T>(read: () => T): T {
    try {
      return read()
    } catch (failure) {
      this.#store.upkeep.soundness.note(failure)
      this.#store.close()
      throw failure
    }
  }

  /** Runs `work`. When it meets a damaged block, counts the readings in that block as lost and runs `work` again. */
  #passingDamage<T>(work: () => T): T {
    for (let before: number | undefined; ; ) {
      try {
        return work()
      } catch (failure) {
        this.#store.upkeep.soundness.note(failure)
        if (!(failure instanceof DamagedBlock) || failure.id === before) throw failure
        before = failure.id
        this.#store.giveUp(failure)
        post({
          kind: 'notice',
          level: 'error',
          err: failure,
          text: `${failure.message}; its readings are lost, see \`tidegate ledger\``,
        })
      }
    }
  }

  call(message: CallMessage): void {
    const { id, name, request } = message
    try {
      const handler = this.#handlers[name] as (request: unknown) => unknown
      post({ kind: 'reply', id, reply: this.#passingDamage(() => handler(request)) })
    } catch (failure) {
      const remedy = failure instanceof OperatorError ? failure.remedy : undefined
      post({ kind: 'failure', id, message: messageOf(failure), remedy })
    }
  }

  readonly #own: Omit<Handlers, keyof ConfigCalls | keyof DownCalls> = {
    incoming: () => this.#store.intake.incoming.all(),
    next: (request) => this.#next(request),
    confirm: (confirmation) => this.#uplinks.confirm(confirmation, systemClock.now()),
    confirmAmendments: (confirmation) => this.#uplinks.confirmAmendments(confirmation),
    refuse: (refused) => this.#uplinks.refuse(refused, systemClock.now()),
    confirmMessages: (request) => this.#uplinks.confirmMessages(request),
    refuseMessage: (request) => this.#uplinks.refuseMessage(request, systemClock.now()),
    requestResend: (request) => this.#uplinks.requestResend(request),
    release: (request) => this.#uplinks.release(request),
    spent: (request) => this.#uplinks.spent(request),
    pause: (request) => this.#uplinks.pause(request, systemClock.now()),
    pausedSince: ({ uplink }) => this.#store.delivery.pauses.since(uplink),
    clock: (evidence) => this.#hear(evidence),
    status: () => this.#status(),
    close: () => {
      this.#housekeepingTimer.stop()
      this.#orderPoller.stop()
      this.#configs.stop()
      this.#store.close()
      return undefined
    },
  }

  /** While a backlog drains, housekeeping that can wait is slowed down: the drain needs the processor. */
  #next(request: Calls['next']['request']): Calls['next']['reply'] {
    const outgoing = this.#uplinks.next(request, systemClock.now())
    if (outgoing.kind === 'batch' && outgoing.lane === 'backfill') this.#housekeepingTimer.left()
    return outgoing
  }

  #hear(evidence: Calls['clock']['request']): Calls['clock']['reply'] {
    const { time } = this.#store
    time.hear(evidence)
    this.#store.checkClock()
    return time.moment
  }

  #status(): StoreStatus {
    return {
      ...statusOf(this.#store),
      ...this.#counted,
      catalog: this.#catalogWatch.status(performance.now()),
      commits: this.#commits.summary(performance.now()),
      quality: { ...this.#quality },
      unrouted: { ...this.#store.intake.unrouted.status(), routed: this.#unrouted.routed },
      configs: this.#configs.status(),
    }
  }
}

function archiveTo(folder: string): Archive {
  return (readings) => void archive(folder, readings)
}

function post(message: FromThread): void {
  parentPort!.postMessage(message)
}

/** Damage that only shows in reading is recorded at the first attempt and salvaged at the second. */
function openThread(data: ThreadData, check: SchemaCheck): StoreThread {
  try {
    return new StoreThread(data, check)
  } catch (failure) {
    if (!isDamage(failure)) throw failure
    return new StoreThread(data, check)
  }
}

async function start(data: ThreadData): Promise<void> {
  try {
    const thread = openThread(data, await checkOf(data.settings.config.schemas))
    parentPort!.on('message', (message: ToThread) =>
      message.kind === 'batch' ? thread.batch(message) : thread.call(message),
    )
    post({ kind: 'ready' })
  } catch (failure) {
    if (!(failure instanceof OperatorError)) throw failure
    post({ kind: 'refused', message: failure.message, remedy: failure.remedy, exitCode: failure.exitCode })
  }
}

void start(workerData as ThreadData)
