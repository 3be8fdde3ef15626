import type { Link } from '../link/link.ts'

/**
 * Subscribes to all filters with QoS 1. Destroys the link if the broker does not answer within `ms` milliseconds in
 * total, or if the signal fires.
 * @throws Error with the reason
 */
export async function subscribeWithin(
  link: Link,
  filters: readonly string[],
  { ms, signal }: { readonly ms: number; readonly signal: AbortSignal },
): Promise<void> {
  let late = false
  const timer = setTimeout(() => {
    late = true
    link.destroy()
  }, ms)
  const stopped = (): void => link.destroy()
  signal.addEventListener('abort', stopped, { once: true })
  try {
    for (const filter of filters) await link.subscribe(filter, 1)
  } catch (failure) {
    throw late ? new Error(`the broker did not answer a subscription within ${ms} ms`) : failure
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stopped)
  }
}
