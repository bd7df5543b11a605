// Calls, what is played on them, and how they are bridged.
'use strict'

const { FROM, MUSIC, say, step, events, dial, outcome } = require('./steps')

async function outbound(client, number) {
  const dialled = await client.calling.dial({ type: 'phone', from: FROM, to: number })
  const { call } = dialled
  say('dialled', { successful: dialled.successful, state: call.state, answered: call.answered })

  const heard = events(call, 'play.stateChange')
  const play = await call.playAudioAsync(MUSIC)
  await step('playing', { event: await heard(), state: play.state, completed: play.completed })
  const paused = await play.pause()
  await step('paused', { successful: paused.successful, event: await heard(), completed: play.completed })
  const resumed = await play.resume()
  await step('resumed', { successful: resumed.successful, event: await heard() })
  const louder = await play.volume(6)
  await step('louder', { successful: louder.successful })
  const stopped = await play.stop()
  await step('stopped', { successful: stopped.successful, event: await heard(), state: play.state })
  const gone = await call.hangup()
  say('hung up', { successful: gone.successful, reason: gone.reason, state: call.state, ended: call.ended })
}

async function rejected(client, number) {
  const call = client.calling.newCall({ type: 'phone', from: FROM, to: number })
  const ended = new Promise(resolve => call.on('ended', resolve))
  const dialled = await call.dial()
  await ended
  say('dialled', { successful: dialled.successful, state: call.state, busy: call.busy, failed: call.failed })
  say('waited', { answered: await call.waitForAnswered(), ended: await call.waitForEnded() })
}

async function plays(client, number) {
  const call = await dial(client, number)
  const media = [{ type: 'silence', duration: 0.5 }, { type: 'audio', params: { url: MUSIC } }]
  await step('list', outcome(await call.play({ media, volume: -6 })))
  await step('silence', outcome(await call.playSilence(1)))
  await step('ringtone', outcome(await call.playRingtone({ name: 'us', duration: 1.5, volume: -3 })))
  const speech = { text: 'Good morning.', language: 'en-GB', gender: 'male', volume: 3 }
  await step('speech', outcome(await call.playTTS(speech)))
  await step('unknown', outcome(await call.playAudio('https://media.example/nothing.wav')))
}

async function waits(client, number) {
  const call = client.calling.newCall({ type: 'phone', from: FROM, to: number, timeout: 20 })
  const ringing = new Promise(resolve => call.on('ringing', resolve))
  const dialling = call.dial()
  await ringing
  await step('ringing', { waited: await call.waitForRinging(), state: call.state, previous: call.prevState })
  const dialled = await dialling
  say('answered', { waited: await call.waitForAnswered(), ...outcome(dialled) })
  const play = await call.playSilenceAsync(60)
  const record = await call.recordAsync({ initial_timeout: 0, end_silence_timeout: 0 })
  say('started')
  const ended = await call.waitFor('ending', 'ended')
  say('ended', { waited: ended, active: call.active, play: play.completed, record: record.completed })
  say('too late', outcome(await call.playSilence(1)))
}

async function bridges(client, number, busy, other, silent) {
  const call = await dial(client, number)
  const failed = new Promise(resolve => call.on('connect.failed', resolve))
  const nobody = await call.connectAsync({ type: 'phone', to: busy })
  await failed
  say('nobody', { state: nobody.state, ...outcome(nobody.result) })
  const devices = [{ type: 'phone', to: busy }, [{ type: 'phone', to: other, timeout: 20 }, { type: 'phone', to: silent }]]
  const connected = await call.connect({ devices, ringback: { type: 'audio', url: MUSIC } })
  const peer = connected.call
  const facts = { number: peer.to, state: peer.state, same: peer === call.peer }
  await step('connected', { ...facts, ...outcome(connected) })
  const parted = await call.disconnect()
  // The result looks at the call anew each time, and that has no peer any more.
  const after = { peer: connected.call || null, state: call.state, peer_state: peer.state }
  await step('parted', { ...after, ...outcome(parted) })
  const gone = await peer.hangup('busy')
  say('peer gone', { reason: gone.reason, state: call.state, ...outcome(gone) })
}

// Gives commands that Relay refuses.
async function refusals(client, number) {
  const call = await dial(client, number)
  const commands = {
    play: () => call.playSilence(1),
    prompt: () => call.promptTTS({ type: 'digits', text: 'Well?', digits_max: 1 }),
    record: () => call.record(),
    detect: () => call.detectFax(),
    send_fax: () => call.faxSend('https://media.example/two.pdf'),
    receive_fax: () => call.faxReceive(),
    tap: () => call.tap({ audio_direction: 'both', target_type: 'rtp', target_addr: '127.0.0.1', target_port: 9 }),
    send_digits: () => call.sendDigits('1'),
    connect: () => call.connect({ type: 'phone', to: '+15550100999' }),
    disconnect: () => call.disconnect(),
    end: () => call.hangup(),
  }
  const refused = {}
  for (const [name, command] of Object.entries(commands)) refused[name] = outcome(await command())
  say('refused', refused)
}

// What only this client can do: several devices, one of them SIP.
async function several(client, busy, sip, silent) {
  const headers = [{ name: 'X-Order', value: '7' }]
  const address = { type: 'sip', from: 'sip:me@emulator.example', to: sip, headers, timeout: 20 }
  const devices = [{ type: 'phone', from: FROM, to: busy }, [address, { type: 'phone', from: FROM, to: silent }]]
  const dialled = await client.calling.dial({ devices, region: 'us' })
  const { call } = dialled
  await step('dialled', { type: call.type, to: call.to, state: call.state, ...outcome(dialled) })
  const heard = events(call, 'play.stateChange')
  await call.playSilenceAsync(60)
  say('playing', { told: await heard() })
  const gone = await call.hangup()
  say('hung up', { reason: gone.reason, state: call.state, ...outcome(gone) })
}

async function refers(client, sip, accepting, busy) {
  const referred = result => ({
    to: result.referTo,
    response: result.referResponseCode,
    notify: result.referNotifyCode,
    ...outcome(result),
  })
  const dialled = await client.calling.dial({ type: 'sip', from: 'sip:me@emulator.example', to: sip })
  const { call } = dialled
  const states = events(call, 'refer.stateChange')
  const action = await call.referAsync({ to: busy })
  const told = [await states(), await states()]
  say('busy', { told, state: action.state, completed: action.completed, ...referred(action.result) })
  const ended = new Promise(resolve => call.on('ended', resolve))
  const headers = [{ name: 'X-Order', value: '7' }]
  say('referred', referred(await call.refer({ to: accepting, headers })))
  await ended
  say('ended', { state: call.state })
}

const scenarios = { outbound, rejected, plays, waits, bridges, refusals, several, refers }
module.exports = scenarios
