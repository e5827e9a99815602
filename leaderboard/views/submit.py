import streamlit as st
st.title('submit')
