import type { SqlResult } from '../../../store/history/sql.ts'

/** What the process that runs a statement is asked for. */
export interface StatementRequest {
  readonly folder: string
  readonly sql: string
  readonly rowsMax: number
}

/** Its answer; trouble that an operator can cure comes with its remedy. */
export type StatementReply =
  | { readonly ok: true; readonly result: SqlResult }
  | { readonly ok: false; readonly message: string; readonly remedy: string | undefined; readonly exitCode: number }
