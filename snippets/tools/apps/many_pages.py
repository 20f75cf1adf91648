"""An app of three pages; what is chosen on one is known on the others."""

import streamlit as st


def choose() -> None:
    """The first page: a choice that outlives it."""
    st.title("Choose")
    names = ["SGD", "Adam", "AdamW"]
    before = st.session_state.get("optimizer", names[0])
    chosen = st.selectbox("Optimizer", names, index=names.index(before))
    st.session_state["optimizer"] = chosen  # a widget's own key ends with its page


def look() -> None:
    """The second page: shows the choice."""
    st.title("Look")
    st.metric("optimizer", st.session_state.get("optimizer", "none yet"))


def about() -> None:
    """The third page."""
    st.title("About")
    st.write("Three functions, three addresses.")


pages = [
    st.Page(choose, icon=":material/tune:", default=True),
    st.Page(look, url_path="look"),
    st.Page(about, url_path="about"),
]
st.navigation(pages).run()
