import type { RouteSettings } from '../../settings/edge.ts'
import type { Store } from '../../store/store.ts'
import { compileRoutes, type RouteMatch } from '../routes.ts'
import type { MessageWriter } from './message-writer.ts'

/** Decodes kept messages again, and stores what is understood now and was not stored before. */
export class RejectReplay {
  readonly #store: Store
  readonly #writer: MessageWriter
  readonly #match: (topic: string) => RouteMatch | undefined

  constructor(store: Store, writer: MessageWriter, routes: readonly RouteSettings[]) {
    this.#store = store
    this.#writer = writer
    this.#match = compileRoutes(routes)
  }

  /**
   * In its owner's transaction. A reject stays if there is still no room, if nothing more of it is understood, if a part
   * of its payload was not kept, or if no route covers its topic any more. @returns the number of rejects that are gone
   */
  replay(ids: readonly number[], now: number): number {
    const { rejects } = this.#store.intake
    let count = 0
    for (const id of ids) {
      const reject = rejects.get(id)
      if (reject === undefined || reject.isCut) continue
      const match = this.#match(reject.topic)
      if (match === undefined || match.forward !== undefined) continue
      if (!this.#writer.replayReject(reject, match, now)) continue
      rejects.drop([id])
      count++
    }
    return count
  }
}
