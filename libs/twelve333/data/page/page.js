// A little comfort; the page works without. Old syntax on purpose.
(function () {
  var root = document.documentElement;
  root.className += " js";
  var copies = document.querySelectorAll(".copy");
  function copy(button) {
    var field = document.getElementById(button.getAttribute("data-from"));
    field.focus(); field.select();
    var done = false;
    try { done = document.execCommand("copy"); } catch (e) { done = false; }
    if (!done && navigator.clipboard) { navigator.clipboard.writeText(field.value); done = true; }
    if (done) {
      button.className += " done"; button.firstChild.nodeValue = "已复制"; button.focus();
      setTimeout(function () { button.className = button.className.replace(" done", ""); button.firstChild.nodeValue = "复制引用"; }, 1500);
    }
  }
  for (var i = 0; i < copies.length; i++) {
    copies[i].className = "copy";
    copies[i].onclick = function () { copy(this); };
  }
  var hits = document.querySelectorAll(".hit"), at = -1;
  function go(to) {
    if (to < 0 || to >= hits.length) { return; }
    at = to; hits[at].focus(); hits[at].scrollIntoView(false);
  }
  document.onkeydown = function (event) {
    var into = event.target.tagName, typing = (into === "INPUT" && !event.target.readOnly) || into === "SELECT";
    if (event.ctrlKey || event.altKey || event.metaKey) { return true; }
    if (typing) { return true; }
    var key = event.key;
    if (key === "/") { var q = document.getElementById("q"); if (q) { q.focus(); q.select(); return false; } }
    if (key === "j") { go(at + 1); return false; }
    if (key === "k") { go(at - 1); return false; }
    if (key === "Enter" && at >= 0 && event.target === hits[at]) { hits[at].querySelector("h2 a").click(); return false; }
    if (key === "c") {
      var button = (at >= 0 ? hits[at] : document).querySelector(".copy");
      if (button) { copy(button); return false; }
    }
    return true;
  };
})();
