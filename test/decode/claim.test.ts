import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Reason } from '../../src/base/flags.ts'
import { onMetric, readingsOf } from './support.ts'

const claimOf = (quality: unknown, value: unknown = 1): unknown =>
  readingsOf(onMetric(JSON.stringify({ value, quality })))[0]!.claim

const good = { quality: 1, reasons: 0 }
const suspect = { quality: 3, reasons: 0 }
const bad = { quality: 4, reasons: 0 }
const failure = { quality: 4, reasons: Reason.DEVICE_FAILURE }
const manual = { quality: 1, reasons: Reason.MANUAL }

describe('the quality that the device claims', () => {
  it.each<[unknown, unknown]>([
    ['good', good],
    ['OK', good],
    ['uncertain', suspect],
    ['Suspect', suspect],
    ['BAD', bad],
    ['fail', bad],
    ['not evaluated', { quality: 2, reasons: Reason.NOT_EVALUATED }],
    ['stale', { quality: 3, reasons: Reason.TIME_STALE }],
    ['substituted', { quality: 3, reasons: Reason.SUBSTITUTED }],
    ['manual', { quality: 1, reasons: Reason.MANUAL }],
    // NAMUR NE 107
    ['failure', { quality: 4, reasons: Reason.DEVICE_FAILURE }],
    ['function_check', { quality: 4, reasons: Reason.DEVICE_FUNCTION_CHECK }],
    ['Out of Specification', { quality: 3, reasons: Reason.DEVICE_OUT_OF_SPEC }],
    ['maintenance-required', { quality: 1, reasons: Reason.DEVICE_MAINTENANCE }],
    // QARTOD
    [1, good],
    [2, { quality: 2, reasons: Reason.NOT_EVALUATED }],
    [3, suspect],
    ['4', bad],
    // OPC UA
    ['0x00000000', good],
    [0x4000_0000, suspect],
    [0x8000_0000, bad],
    [2147483648 + 0x400, bad],
    ['0xC0000000', bad],
    [0x0096_0000, { quality: 1, reasons: Reason.MANUAL }],
    [0x4091_0000, { quality: 3, reasons: Reason.SUBSTITUTED }],
    ['0x808c0400', { quality: 4, reasons: Reason.DEVICE_FAILURE }],
    // OPC Classic
    [192, good],
    [195, good],
    [216, manual],
    [64, suspect],
    [8, bad],
    [12, failure],
    [16, failure],
    [20, { quality: 4, reasons: Reason.TIME_STALE }],
    [24, bad],
    [28, bad],
    [32, bad],
    ['192', good],
    ['0xC0', good],
    ['Bad, Sensor Failure', failure],
    ['bad: not connected', bad],
    ['BAD [Comm Failure]', bad],
    ['Bad - Last Known Value', { quality: 4, reasons: Reason.TIME_STALE }],
    ['Uncertain, Last Usable Value', { quality: 3, reasons: Reason.TIME_STALE }],
    ['Uncertain (EU Exceeded)', suspect],
    ['Good, Local Override', manual],
    ['Good, non-specific', good],
    ['GOOD_UNSPECIFIED', good],
    ['sensor failure', failure],
    // Sparkplug B
    [500, { quality: 3, reasons: Reason.TIME_STALE }],
    // Booleans
    [true, good],
    [false, bad],
    ['true', good],
    ['FALSE', bad],
    // OPC UA in JSON
    [{ Code: 0 }, good],
    [{ code: 0, symbol: 'Good' }, good],
    [{ Code: 2147483648 }, bad],
    [{ code: 2147483648 }, bad],
    [{ Code: 2156658688, Symbol: 'BadSensorFailure' }, failure],
    [{ Symbol: 'UncertainSubstituteValue' }, { quality: 3, reasons: Reason.SUBSTITUTED }],
    [{ Code: 0, Symbol: 'Bad' }, bad],
    [{ Code: '0x80000000' }, bad],
    [{ StatusCode: 1073741824 }, suspect],
    // StatusCodes as signed integers
    [-2147483648, bad],
    ['-2147483648', bad],
    [0x808c_0000 | 0, failure],
    // LwM2M
    [{ lwm2m509: 0 }, { quality: 2, reasons: Reason.NOT_EVALUATED }],
    [{ lwm2m509: 1 }, bad],
    [{ lwm2m509: 2 }, bad],
    [{ lwm2m509: 3 }, suspect],
    [{ lwm2m509: 4 }, good],
  ])('is understood in the form %j', (quality, claim) => {
    expect(claimOf(quality)).toEqual(claim)
  })

  it.each([
    ...[0, '0', '0x00', 5, 50, 100, -1, 1.5, 1e12, 300, [], {}, { lwm2m509: 7 }, { lwm2m509: 'x' }, { Code: {} }],
    ...['fine, I guess', '', 'constructor', 'good?', 'not so good', 'good, but frozen', 'Goodbye', 'badge', 'baddish'],
    ...[{ Code: 0, Symbol: 'x' }, { Code: null }, { good: true }, ['good']],
  ])('becomes suspect when it cannot be understood: %j', (quality) => expect(claimOf(quality)).toEqual(suspect))

  it('cannot make a missing value good, and makes a present value that it calls missing bad', () => {
    expect(claimOf('good', null)).toEqual({ quality: 9, reasons: Reason.MISSING })
    expect(claimOf('missing', null)).toEqual({ quality: 9, reasons: Reason.MISSING })
    expect(claimOf('bad', null)).toEqual({ quality: 4, reasons: Reason.MISSING })
    expect(claimOf('missing', -9999)).toEqual({ quality: 4, reasons: Reason.MISSING })
    expect(claimOf('0x809B0000', -9999)).toEqual({ quality: 4, reasons: Reason.MISSING })
  })

  it('is kept together with the mark of a backfill', () => {
    const claim = (json: string): unknown => readingsOf(onMetric(json))[0]!.claim
    expect(claim('{"value":1,"q":"bad","backfill":true}')).toEqual({ quality: 4, reasons: Reason.HISTORICAL })
    expect(claim('{"value":1,"q":"missing","backfill":true}')).toEqual({
      quality: 4,
      reasons: Reason.MISSING | Reason.HISTORICAL,
    })
    expect(claim('{"value":null,"backfill":true}')).toEqual({
      quality: 9,
      reasons: Reason.MISSING | Reason.HISTORICAL,
    })
  })

  it('is always one of the QARTOD flags, whatever the device sends', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), (quality) => {
        fc.pre(quality !== null)
        expect([1, 2, 3, 4, 9]).toContain((claimOf(quality) as { quality: number }).quality)
      }),
    )
  })
})

describe('the quality code of a connector (`qc`)', () => {
  it.each<[unknown, unknown]>([
    [0, bad],
    [1, suspect],
    [2, good],
    [3, good],
    [4, suspect],
    ['3', suspect],
  ])('%j is understood', (qc, claim) => {
    expect(readingsOf(onMetric(JSON.stringify({ value: 1, qc })))[0]).toEqual({ metric: 'm', value: 1, claim })
  })
})
