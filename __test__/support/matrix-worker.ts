/** Runs the whole matrix in a worker and posts how each cell ended. */
import { parentPort } from 'node:worker_threads'
import { cell, rows, states } from './matrix.ts'

const ends: Record<string, string> = {}
for (const { title, call } of rows) for (const state of states) ends[`${title}: ${state}`] = await cell(call, state)
parentPort?.postMessage(ends)
