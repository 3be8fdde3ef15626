import type { RouteSettings } from '../../settings/edge.ts'
import { isReplayable } from '../../store/rejects.ts'
import type { Store } from '../../store/store.ts'
import { compileRoutes, type RouteMatch } from '../routes.ts'
import type { Committer } from './committer.ts'

/** Stores rejects that lacked only room for a series, and fields that were not understood, once that has changed. */
export class RejectReplay {
  readonly #store: Store
  readonly #committer: Committer
  readonly #match: (topic: string) => RouteMatch | undefined

  constructor(store: Store, committer: Committer, routes: readonly RouteSettings[]) {
    this.#store = store
    this.#committer = committer
    this.#match = compileRoutes(routes)
  }

  /**
   * In its owner's transaction. A reject stays if there is still no room, if nothing more of it is understood, if a part of its payload was not kept, or if
   * no route covers its topic any more.
   */
  replay(ids: readonly number[], now: number): void {
    const { rejects } = this.#store.intake
    for (const id of ids) {
      const reject = rejects.get(id)
      if (reject === undefined || !isReplayable(reject)) continue
      const match = this.#match(reject.topic)
      if (match === undefined || match.forward !== undefined) continue
      if (this.#committer.replay(reject, match, now)) rejects.drop([id])
    }
  }
}
