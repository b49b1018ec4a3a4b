// Writes npm/ anew: a folder for each platform package, without its binary. Run it when name, version, targets or other fields of
// package.json change that the platform packages repeat.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/run.mjs'

const folder = join(root, 'npm')
rmSync(folder, { recursive: true, force: true }) // so that a target that is gone leaves nothing behind

const napi = join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')
execFileSync(process.execPath, [napi, 'create-npm-dirs', '--cwd', root], { stdio: 'inherit' })

for (const platform of readdirSync(folder)) {
  const path = join(folder, platform, 'package.json')
  // A scoped package is published as a private one unless it says otherwise.
  const contents = { ...JSON.parse(readFileSync(path, 'utf8')), publishConfig: { access: 'public' } }
  writeFileSync(path, `${JSON.stringify(contents, null, 2)}\n`)
}
