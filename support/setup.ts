import { afterAll } from 'vitest'
import { stopStarted } from './started.ts'

afterAll(stopStarted)
