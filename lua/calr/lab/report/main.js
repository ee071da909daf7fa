// Puts the page together.

page.querySelectorAll("noscript").forEach(node => node.remove());
if (data.kind === "run") {
  runHeader();
  evaluationTable();
  lossCurves();
  clusterQuality();
  otherCurves();
  gallery();
  runEnd();
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
