import type { SqlResult } from '../../../store/history/sql.ts'

/** The request to the process that runs a statement. */
export interface StatementRequest {
  readonly folder: string
  readonly sql: string
  readonly rowsMax: number
}

/** The answer. An error that an operator can fix has a remedy; any other is a bug. */
export type StatementReply =
  | { readonly ok: true; readonly result: SqlResult }
  | { readonly ok: false; readonly message: string; readonly remedy: string | undefined; readonly exitCode: number }
