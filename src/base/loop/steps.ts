/** Long work in steps of a few milliseconds: the caller may do something else after each of them. */
export type Steps<T> = Generator<undefined, T, undefined>

/** Does all steps at once. @throws whatever a step throws */
export function doAll<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
