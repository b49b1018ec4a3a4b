// The JavaScript tests, by ava.
import { existsSync, globSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './run.mjs'
import { TapReader } from './tap.mjs'
