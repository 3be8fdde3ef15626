import { Exit, OperatorError } from '../../../base/errors.ts'
import { suggestion } from '../../../base/nearest.ts'
import type { EdgeState } from '../../../config/edge/state.ts'
import type { ConfigReader } from '../../../store/config/config-reader.ts'

const DEVICE_BYTES_MAX = 128

/** @throws OperatorError for what cannot be one level of an MQTT topic, or is too long for the name of a device */
export function checkDevice(device: string): string {
  const fits = device !== '' && Buffer.byteLength(device) <= DEVICE_BYTES_MAX && !/[/+#\0]/.test(device)
  if (fits && device.isWellFormed()) return device
  throw new OperatorError(`"${device}" cannot be the name of a device`, {
    remedy: `give 1 to ${DEVICE_BYTES_MAX} bytes without / + # and NUL: it is one level of the topic devices/DEVICE/config`,
    exitCode: Exit.USAGE,
  })
}

/** What the edge knows of a device. @throws OperatorError when that is nothing */
export function knownState(configs: ConfigReader, device: string): EdgeState {
  const state = configs.state(device)
  if (state === undefined) throw unknownDevice(configs, device)
  return state
}

/** @throws OperatorError where neither the edge knows the device, nor an order that waits for it is about it */
export function checkKnown(configs: ConfigReader, device: string): void {
  if (configs.state(device) === undefined && configs.ordered(device) === 0) throw unknownDevice(configs, device)
}

function unknownDevice(configs: ConfigReader, device: string): OperatorError {
  const ordered = configs.ordered(device)
  if (ordered === 0) {
    return new OperatorError(`no config of device "${device}" is known${suggestion(device, configs.devices())}`, {
      remedy: '`tidegate config list` tells all devices that have one',
    })
  }
  const waits = ordered === 1 ? 'an edit of it waits' : `${ordered} edits of it wait`
  return new OperatorError(`no config of device "${device}" is known yet: ${waits} for the edge`, {
    remedy: 'start the edge, which carries them out',
  })
}
