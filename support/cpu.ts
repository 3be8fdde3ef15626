/**
 * The processor time that some work takes (ms), of this process with all its threads. For limits that are ten times as
 * high as what the work takes: a test must not depend on the speed of the machine, but on the shape of the work.
 */
export async function cpuMs(work: () => Promise<unknown> | unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
