"""A first app: a name and a number in, a sentence out."""

import streamlit as st

st.title("Hello")
name = st.text_input("Your name", max_chars=40)
times = st.slider("How many times", min_value=1, max_value=5)
if name.strip():
    st.write(" ".join([f"Hello, {name.strip()}!"] * times))
else:
    st.info("Type a name.")
