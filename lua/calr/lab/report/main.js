// Puts the page together.

page.querySelectorAll("noscript").forEach(node => node.remove());
if (data.kind === "run") {
  runHeader();
  evaluationTable();
  lossCurves();
  clusterQuality();
  otherCurves();
  pictures();
  gallery();
  runEnd();
} else if (data.kind === "pictures") {
  picturesHeader();
  pictures();
} else if (data.kind === "why") {
  whyPage();
} else {
  applyFilters();
  header();
  results();
  curves();
  history();
  importance();
  parallel();
  trialTable();
  tradeoff();
  timeline();
  comparison();
  failures();
  remarks();
  staleResults();
}
contents();
watchFigures();
drawAll(true);
document.documentElement.dataset.ready = "yes";
