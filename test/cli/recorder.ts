import { runCommandLine } from '../../src/cli/command-line.ts'
import type { Output } from '../../src/cli/output.ts'

/** Runs a command in this process. @returns its exit code and its output. */
export async function runHere(
  args: readonly string[],
  drained: () => boolean = () => true,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string; readonly prints: number }> {
  const printed: string[] = []
  const noted: string[] = []
  const output: Output = {
    print: (text) => printed.push(`${text}\n`),
    data: (text) => printed.push(`${text}\n`),
    json: (data) => printed.push(`${JSON.stringify(data, null, 2)}\n`),
    drained: async () => drained(),
    note: (text) => noted.push(`${text}\n`),
    progress: () => undefined,
  }
  const code = await runCommandLine(args, output)
  return { code, stdout: printed.join(''), stderr: noted.join(''), prints: printed.length }
}
