/** A row of `config_operations`. */
export interface OperationRow {
  readonly device: string
  readonly what: string
  readonly attempts: number
  readonly due: number
  readonly version: number
  readonly attention: number
  readonly reason: string
}
