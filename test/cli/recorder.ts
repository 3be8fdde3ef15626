import { runCommandLine } from '../../src/cli/command-line.ts'
import type { Output } from '../../src/cli/output.ts'

/** A command run within this process, and what it printed. */
export async function runHere(
  words: readonly string[],
  taken: () => boolean = () => true,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string; readonly prints: number }> {
  const printed: string[] = []
  const noted: string[] = []
  const output: Output = {
    print: (text) => printed.push(`${text}\n`),
    json: (data) => printed.push(`${JSON.stringify(data, null, 2)}\n`),
    taken: async () => taken(),
    note: (text) => noted.push(`${text}\n`),
    progress: () => undefined,
  }
  const code = await runCommandLine(words, output)
  return { code, stdout: printed.join(''), stderr: noted.join(''), prints: printed.length }
}
