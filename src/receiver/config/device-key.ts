/** A device of one edge: the same name at another edge is another device. */
export interface DeviceKey {
  readonly edge: string
  readonly device: string
}
