/** Members that give the time of readings. The first one that is there counts, whatever their order is. */
export const TIME_NAMES = [
  ...['ts', 'time', 'timestamp', 't', 'SourceTimestamp', 'sourceTimestamp', 'Timestamp', 'timeStamp', 'TimeStamp'],
  ...['t_stamp', 'timestamp_ms', 'unixtime', 'observedAt', 'phenomenonTime', 'received_at'],
  ...['ServerTimestamp', 'serverTimestamp'],
] as const

/**
 * Whether this is one of the rarer names of times. Most names are decided by their length, because every member of every
 * message is asked about.
 */
export function isTimeName(name: string): boolean {
  switch (name.length) {
    case 7:
      return name === 't_stamp'
    case 8:
      return name === 'unixtime'
    case 9:
      return name === 'timeStamp' || name === 'TimeStamp'
    case 10:
      return name === 'observedAt'
    case 12:
      return name === 'timestamp_ms'
    case 14:
      return name === 'phenomenonTime'
    case 15:
      return name === 'sourceTimestamp' || name === 'ServerTimestamp' || name === 'serverTimestamp'
    default:
      return false
  }
}
