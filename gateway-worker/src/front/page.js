const phases = {
  stopped: 'It is stopped; reload the page to start it.',
  starting: 'It is starting.',
  ready: 'It is ready.',
  stopping: 'It is stopping; reload the page to start it again.',
  backing_off: 'It ended unexpectedly and will be started again in a moment.',
  failed: 'It failed too often. An operator has to start it.',
};
const say = document.getElementById('say');
const steps = Array.from(document.querySelectorAll('#steps li'));
function show(health) {
  const text = phases[health.phase] || 'It is starting.';
  if (say.textContent !== text) say.textContent = text;
  const reached = steps.findIndex((item) => item.dataset.step === health.step);
  if (reached < 0) return;
  steps.forEach((item, index) => {
    item.className = index < reached ? 'done' : index === reached ? 'now' : 'later';
    if (index === reached) item.setAttribute('aria-current', 'step');
    else item.removeAttribute('aria-current');
  });
}
async function look() {
  try {
    const answer = await fetch('/_gateway/healthz', { cache: 'no-store' });
    const health = await answer.json();
    show(health);
    if (health.ready) {
      location.reload();
      return;
    }
  } catch (error) {
    say.textContent = 'The gateway does not answer; trying again.';
  }
  setTimeout(look, 1000);
}
setTimeout(look, 1000);
